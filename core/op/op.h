// SPDX-License-Identifier: Apache-2.0
// The kinds of nodes: one file and one row here each. An op has a shape rule, forward and
// backward, and says what backward reads, from which the memory plan follows.
#ifndef OD_CORE_OP_OP_H
#define OD_CORE_OP_OP_H

#include "core/graph/plan.h"

// kind, name of the file
#define OD_OP_MAP(X)                                \
    X(OD_OP_PATCHIFY, patchify)                     \
    X(OD_OP_LINEAR, linear)                         \
    X(OD_OP_GELU, gelu)                             \
    X(OD_OP_LINEAR_GELU, linear_gelu)               \
    X(OD_OP_LAYERNORM, layernorm)                   \
    X(OD_OP_ATTENTION, attention)                   \
    X(OD_OP_CONNECT, connect)                       \
    X(OD_OP_CONNECT_LAYERNORM, connect_layernorm)   \
    X(OD_OP_CONNECT_CONV1X1, connect_conv1x1)       \
    X(OD_OP_DROP, drop)                             \
    X(OD_OP_NOISE, noise)                           \
    X(OD_OP_EMBED_TOKENS, embed_tokens)             \
    X(OD_OP_FIRST_TOKEN, first_token)               \
    X(OD_OP_CROSS_ENTROPY, cross_entropy)           \
    X(OD_OP_CROSS_ENTROPY_SOFT, cross_entropy_soft) \
    X(OD_OP_CONV2D, conv2d)                         \
    X(OD_OP_BATCHNORM, batchnorm)                   \
    X(OD_OP_AVGPOOL, avgpool)

// One node at run time.
typedef struct od_op_call {
    const od_graph *graph;
    const od_node *node;
    const od_backend *backend;
    od_device *device;
    int64_t batch;
    void *const *values;    // memory by value
    void *const *gradients; // memory by value; NULL where there is none
    bool training;          // false: no backward follows, and the loss has no smoothing
    bool recompute;         // this forward ran before in this step: states must not change again
    float loss_scale;       // of the gradient of the loss: 1 / samples of the step
    bool linear;            // an orthogonal connection is linear in this run
    uint64_t seed, draw;    // of all randomness, as in od_run_options
    float *stats;           // of this connection (OD_PLAN_STATS_STRIDE floats), or NULL
} od_op_call;

typedef struct od_op {
    const char *name;
    // Checks inputs and attributes and declares outputs and saved values; od_graph_fault when
    // they do not fit. NULL: made by fusion only, from values that are there.
    od_status (*shape)(od_graph *graph, od_node *node, const char *name);
    od_reads (*reads)(const od_node *node); // NULL: backward reads gradients and parameters only
    void (*forward)(const od_op_call *call);
    // Writes (or, by od_op_accumulates, adds to) the gradients of the inputs that have one. May
    // change the gradients of its outputs, which nobody reads after it. NULL: no input has one.
    void (*backward)(const od_op_call *call);
    unsigned can_accumulate; // bit i: backward can add to the gradient of input i; parameters aside
    // bit i: the gradient of input i may be written into the memory of the gradient of output 0.
    unsigned in_place;
    double (*flops)(const od_graph *graph, const od_node *node); // as od_graph_flops; NULL: 0
    bool (*runs_on)(const od_backend *backend); // whether it has the kernels; NULL: all have
} od_op;

#define X(kind, name) extern const od_op od_op_##name;
OD_OP_MAP(X)
#undef X

const od_op *od_op_of(od_op_kind kind);

// --- what ops share ---------------------------------------------------------------------------
// Memory of input/output/saved value i and of gradients; NULL for an input that the node lacks and
// for a gradient that nobody wants.
void *od_op_input(const od_op_call *call, int i);
void *od_op_output(const od_op_call *call, int i);
void *od_op_saved(const od_op_call *call, int i);
float *od_op_input_gradient(const od_op_call *call, int i);
float *od_op_output_gradient(const od_op_call *call, int i);
bool od_op_accumulates(const od_op_call *call, int i);

const od_shape *od_op_shape(const od_graph *graph, const od_node *node, int input);
// Values of the last axis of input i, and how many rows of them there are: per sample, and in the
// batch of this call.
int64_t od_op_channels(const od_graph *graph, const od_node *node, int input);
int64_t od_op_rows_per_sample(const od_graph *graph, const od_node *node, int input);
int64_t od_op_rows(const od_op_call *call, int input);

// What a connection is in this run: its own, or linear in the place of orthogonal.
od_connection od_op_connection(const od_op_call *call);
// This node's stream of draws for a purpose.
od_philox od_op_draws(const od_op_call *call, od_purpose purpose);

// Faults with the op's name when the node has not count inputs, or input i not that rank.
od_status od_op_expect_inputs(od_graph *graph, const od_node *node, int least, int most);
od_status od_op_expect_rank(od_graph *graph, const od_node *node, int input, int rank);
// Faults when input i is not of exactly that shape.
od_status od_op_expect_shape(od_graph *graph, const od_node *node, int input, od_shape shape);

#endif
