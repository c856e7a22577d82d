// SPDX-License-Identifier: Apache-2.0
// What the files of the trainer share: trainer.c (steps, evaluation), trainer_plan.c (sizes),
// trainer_state.c (saving and loading).
#ifndef OD_CORE_TRAIN_TRAINER_PRIVATE_H
#define OD_CORE_TRAIN_TRAINER_PRIVATE_H

#include "core/data/loader.h"
#include "core/graph/run.h"
#include "core/model/model.h"
#include "core/train/optimizer.h"
#include "core/train/trainer.h"

enum { OD_TRAINER_NORM_BYTES = 64 }; // one double

// One micro-batch: on the device, and the results on the host. On the host it is the loader's.
typedef struct od_trainer_batch {
    int32_t *host_rank;
    float *host_loss;
    float *host_targets;             // [micro_batch, classes]; NULL without mixup
    void *images, *labels, *targets; // on the device
} od_trainer_batch;

struct od_trainer {
    od_spec spec;
    od_trainer_plan plan;
    int64_t micro_batch;       // samples of one forward: batch_size / grad_accumulate_steps
    int64_t batches_per_epoch; // micro-batches
    int64_t step;              // completed optimizer steps
    const od_backend *backend;
    od_device *device;
    od_model *model;
    od_plan *memory;
    od_run *run;
    const od_optimizer *optimizer;
    float *parameters, *gradients, *states[OD_OPTIMIZER_MAX_STATES]; // [model->flat_count]
    double *norm;                                                    // on the device
    float *buffers;    // on the device: states of the model, [model->state_count]
    int64_t *counters; // by tensor of the model; 0 where it is none
    od_trainer_batch batch;
    od_transform *train_transform, *eval_transform;
    od_loader *train, *eval;
    char skip_reason[OD_ERROR_TEXT_BYTES]; // of the last image that was left out
    od_connection_stats *stats;            // [model->graph->connection_count]
    float *host_stats;
    bool *linear; // [connection_count]: connections that the last choice made linear
};

// Model and memory of a spec, and all numbers that follow. On success the caller owns *model and
// *memory.
od_status od_trainer_plan_make(const od_spec *spec, int64_t train_count, od_trainer_plan *out,
                               od_model **model, od_plan **memory, od_error *error) OD_MUST_CHECK;

// Samples of one forward.
int64_t od_trainer_micro_batch(const od_spec *spec);

#endif
