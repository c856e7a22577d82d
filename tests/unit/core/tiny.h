// SPDX-License-Identifier: Apache-2.0
// A tiny vision transformer, and data for it that can be learnt: for tests of whole models.
#ifndef OD_TESTS_UNIT_CORE_TINY_H
#define OD_TESTS_UNIT_CORE_TINY_H

#include "core/graph/run.h"
#include "core/model/model.h"
#include "core/train/trainer.h"

enum {
    TINY_SIDE = 8,
    TINY_CLASSES = 4,
    TINY_TRAIN = 44, // samples
    TINY_EVAL = 10,
    TINY_BATCH = 8,
};

// Width 12, 2 blocks, 3 heads, patches of 4 on 8 x 8 grey images; orthogonal; Adam at 3e-3, no
// schedule; 3 epochs of 5 steps.
od_spec tiny_spec(void);

// The same with a ResNet-18, which is as small as a ResNet gets; SGD at 0.02; one epoch.
od_spec tiny_resnet_spec(void);

// In each 4 x 4 patch one quarter is bright, which is the label, on noise. od_dataset_free it.
od_dataset *tiny_dataset(int64_t count, uint64_t seed);

// A trainer of spec on that data with the named backend, on spec->threads threads. The data sets
// are made once and live as long as the program.
od_trainer *tiny_trainer(const od_spec *spec, const char *backend);

// Steps steps, or fails the test; returns the last step's result.
od_step_result tiny_steps(od_trainer *trainer, int steps);

// Fails the test unless the two lists have the same names, shapes and bits.
void tiny_assert_same_tensors(const od_tensor_list *left, const od_tensor_list *right);

// A model by itself, without trainer: for gradients and rewrites. Its batch is the first images of
// tiny_dataset(TINY_TRAIN, 1).
typedef struct tiny_rig {
    od_model *model;
    od_plan *plan;
    od_run *run;
    const od_backend *backend;
    od_device *device;
    float *parameters, *gradients; // flat, on the device
    float *buffers;                // the states of the model, on the device
    float *images;
    int32_t *labels;
} tiny_rig;

// Start weights from seed 3, all constants (zeros, ones) shaken a little so that no gradient is
// zero for a special reason.
tiny_rig tiny_rig_new(const od_spec *spec, bool fuse, const char *backend);
void tiny_rig_free(tiny_rig *rig);

// Mean loss of the batch, with smoothing; with backward, also the gradients (zeroed first).
double tiny_rig_loss(tiny_rig *rig, bool backward);

#endif
