// SPDX-License-Identifier: Apache-2.0
// A model: its finished graph, and its state_dict as PyTorch has it (names, order and shapes of
// the reference implementation), with the start value of each learnable tensor.
#ifndef OD_CORE_MODEL_MODEL_H
#define OD_CORE_MODEL_MODEL_H

#include "core/graph/graph.h"
#include "core/io/safetensors.h"
#include "core/spec.h"

typedef enum od_init_kind {
    OD_INIT_CONSTANT, // scale
    OD_INIT_UNIFORM,  // in [-scale, scale)
    OD_INIT_NORMAL,   // mean 0, standard deviation scale
} od_init_kind;

typedef struct od_init {
    od_init_kind kind;
    float scale;
} od_init;

// One entry of the state_dict.
typedef struct od_model_tensor {
    char name[OD_TENSOR_NAME_BYTES];
    int rank;
    int64_t shape[OD_TENSOR_MAX_RANK]; // PyTorch's
    int64_t count;                     // its product
    int value;                         // of the graph; -1: a buffer, constant at init.scale
    int64_t offset;                    // floats into the flat buffers of parameters; -1: a buffer
    od_init init;
} od_model_tensor;

typedef struct od_model {
    od_graph *graph;
    od_model_tensor *tensors; // in the order of the state_dict
    int tensor_count;
    int64_t flat_count;     // floats of a flat buffer: tensors start at multiples of 64 bytes
    int images, labels;     // inputs [batch, height, width, channels], [batch] int32
    int logits, loss, rank; // kept: [batch, classes], [batch], [batch] int32
} od_model;

// Builds the model that spec names, fused unless fuse is false (which tests want).
// OD_E_UNSUPPORTED for an unknown arch, OD_E_INVALID for sizes that do not fit.
od_status od_model_new(const od_spec *spec, bool fuse, od_model **out,
                       od_error *error) OD_MUST_CHECK;
void od_model_free(od_model *model); // NULL is fine

// Learnable values.
int64_t od_model_parameters(const od_model *model);

// The start value of tensor number `index` of the model into values[count], a pure function of
// seed and index: Philox, purpose OD_PURPOSE_INIT, index = its number among the learnable tensors.
void od_model_init_tensor(const od_model *model, int index, uint64_t seed, float *values);

// --- for the model files ---------------------------------------------------------------------
// Adds an entry (a learnable tensor and its parameter in the graph, or a buffer) and returns the
// value, or -1 after a fault, which od_graph_finish reports. value_shape: as the kernels see it.
int od_model_add_parameter(od_model *model, const char *name, int rank, const int64_t *shape,
                           od_shape value_shape, od_init init);
void od_model_add_buffer(od_model *model, const char *name, float value);

#endif
