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
    OD_INIT_IDENTITY, // of a square matrix, times scale
} od_init_kind;

typedef struct od_init {
    od_init_kind kind;
    float scale;
} od_init;

typedef enum od_tensor_kind {
    OD_TENSOR_LEARNABLE, // a parameter of the graph
    OD_TENSOR_STATE,     // a state of the graph: not learnt, but kept, saved and loaded
    OD_TENSOR_CONSTANT,  // in files alone: always init.scale
    OD_TENSOR_COUNTER,   // in files alone, int64: the training forwards so far
} od_tensor_kind;

// One entry of the state_dict.
typedef struct od_model_tensor {
    od_tensor_kind kind;
    char name[OD_TENSOR_NAME_BYTES];
    int rank;
    int64_t shape[OD_TENSOR_MAX_RANK]; // PyTorch's
    int64_t count;                     // its product
    int value;                         // of the graph; -1: in files alone
    int64_t offset; // floats into the flat buffers of parameters, or that of states; -1: neither
    od_init init;
} od_model_tensor;

typedef struct od_model {
    od_graph *graph;
    od_model_tensor *tensors; // in the order of the state_dict
    int tensor_count;
    int64_t flat_count;     // floats of a flat buffer: tensors start at multiples of 64 bytes
    int64_t state_count;    // floats of the flat buffer of states, which is laid out alike
    int images, labels;     // inputs [batch, height, width, channels], [batch] int32
    int targets;            // input [batch, classes] with mixup, else -1
    int logits, loss, rank; // kept: [batch, classes], [batch], [batch] int32
    int features;           // kept: what enters the head, [batch, width]
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
// Each adds an entry: a learnable tensor and its parameter in the graph; a vector and its state in
// the graph, at value in the beginning; a constant of that rank (0 or 1) with one value; a counter.
// The first two return the value of the graph, or -1 after a fault, which od_graph_finish reports.
// value_shape: as the kernels see it.
int od_model_add_parameter(od_model *model, const char *name, int rank, const int64_t *shape,
                           od_shape value_shape, od_init init);
int od_model_add_state(od_model *model, const char *name, int64_t count, float value);
void od_model_add_buffer(od_model *model, const char *name, int rank, float value);
void od_model_add_counter(od_model *model, const char *name);

// Behind model->logits: the labels (and, with mixup, targets), loss and rank, all kept.
void od_model_add_loss(od_model *model, const od_spec *spec);

#endif
