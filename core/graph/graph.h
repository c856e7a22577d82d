// SPDX-License-Identifier: Apache-2.0
// The static graph of a model: values and the nodes that compute them, built once per job in the
// order of execution. Memory (core/graph/plan.h), fusion (core/graph/fuse.h), execution
// (core/graph/run.h), parameter counts and FLOPs all follow from it without special cases.
//
// - A value has a shape without the batch; a `batched` one has the batch, known at run time, in
//   front: [batch, shape...]. Parameters are never batched.
// - A node reads inputs and writes outputs (what other nodes may read) and saved values (what only
//   its own backward reads). Its op (core/op/op.h) says how.
// - Backward runs the nodes in the opposite order. Of the consumers of a value, the first one in
//   that order overwrites the value's gradient and the others add to it (od_node.accumulate).
//   Gradients of parameters are always added to.
//
// Building: every call returns the index of a value. A fault sticks: later calls do nothing and
// return -1, and od_graph_finish reports it, so that a model reads as a list of layers.
// The struct is for reading; only graph.c and fuse.c change it.
#ifndef OD_CORE_GRAPH_GRAPH_H
#define OD_CORE_GRAPH_GRAPH_H

#include "base/error.h"
#include "core/backend/backend.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OD_SHAPE_MAX_RANK = 4,
    OD_VALUE_NAME_BYTES = 96,
    OD_NODE_MAX_INPUTS = 6,
    OD_NODE_MAX_OUTPUTS = 2,
    OD_NODE_MAX_SAVED = 4,
    OD_NODE_TAG_BYTES = 8,
};

typedef struct od_shape {
    int rank;
    int64_t at[OD_SHAPE_MAX_RANK];
} od_shape;

typedef enum od_value_kind {
    OD_VALUE_INPUT,      // filled by the caller before a run
    OD_VALUE_PARAMETER,  // learnable
    OD_VALUE_STATE,      // kept from step to step and changed by forward in training; no gradient
    OD_VALUE_ACTIVATION, // a node's output
    OD_VALUE_SAVED,      // kept by a node for its own backward
} od_value_kind;

typedef enum od_value_type { OD_VALUE_F32, OD_VALUE_I32 } od_value_type; // 4 bytes each

typedef struct od_value {
    char name[OD_VALUE_NAME_BYTES];
    od_value_kind kind;
    od_value_type type;
    od_shape shape;
    bool batched;
    bool has_gradient; // a parameter, or an activation that one leads to
    bool keep;         // alive until the end of the step, for the caller to read
    int producer;      // node, or -1
    int consumers;     // nodes that have it as an input
} od_value;

typedef enum od_op_kind {
    OD_OP_PATCHIFY,
    OD_OP_LINEAR,
    OD_OP_GELU,
    OD_OP_LINEAR_GELU,
    OD_OP_LAYERNORM,
    OD_OP_ATTENTION,
    OD_OP_CONNECT,
    OD_OP_CONNECT_LAYERNORM,
    OD_OP_CONNECT_CONV1X1,
    OD_OP_DROP,
    OD_OP_NOISE,
    OD_OP_EMBED_TOKENS,
    OD_OP_FIRST_TOKEN,
    OD_OP_CROSS_ENTROPY,
    OD_OP_CROSS_ENTROPY_SOFT,
    OD_OP_CONV2D,
    OD_OP_BATCHNORM,
    OD_OP_AVGPOOL,
    OD_OP_COUNT,
} od_op_kind;

typedef struct od_attributes {
    int64_t heads;            // attention
    int64_t patch;            // patchify
    int64_t stride, padding;  // conv2d
    od_connection connection; // connect, connect_layernorm, connect_conv1x1
    od_pattern pattern;       // connect
    bool global;              // connect, connect_conv1x1: orthogonal rows are whole samples
    float eps;                // of connections, layernorm, batchnorm
    float rate;               // drop: the share that is dropped
    bool whole_samples;       // drop: a draw for each sample, not for each value
    float noise;              // noise: its standard deviation
    int64_t layer;            // drop, noise: names the node's stream of draws, in each purpose
    float norm_eps;           // connect_layernorm
    float momentum;           // batchnorm: the share of this batch in the running statistics
    bool relu;                // batchnorm: a ReLU follows
    float smoothing;          // cross_entropy
} od_attributes;

// What a node's backward reads besides parameters and gradients: bit i stands for number i.
typedef struct od_reads {
    unsigned inputs, outputs, saved;
} od_reads;

typedef struct od_node {
    od_op_kind op;
    int inputs[OD_NODE_MAX_INPUTS], input_count;
    int outputs[OD_NODE_MAX_OUTPUTS], output_count;
    int saved[OD_NODE_MAX_SAVED], saved_count;
    od_attributes attributes;
    int block;                   // residual block from 0, or -1 outside of blocks
    char tag[OD_NODE_TAG_BYTES]; // of a connection: "attn", "mlp", "conv"; else ""
    int connection;              // number of this connection in the network, or -1
    od_reads reads;
    bool has_backward;   // some input has a gradient
    unsigned accumulate; // bit i: the gradient of input i is added to, not overwritten
} od_node;

typedef struct od_graph {
    od_value *values;
    int value_count, value_capacity;
    od_node *nodes;
    int node_count, node_capacity;
    int connection_count;
    int block;      // given to the nodes that are added
    bool recompute; // see od_graph_recompute_blocks
    bool finished;
    od_error fault; // .status is OD_OK while there is none
} od_graph;

od_status od_graph_new(od_graph **out, od_error *error) OD_MUST_CHECK;
void od_graph_free(od_graph *graph); // NULL is fine

int od_graph_input(od_graph *graph, const char *name, od_value_type type, od_shape shape);
int od_graph_parameter(od_graph *graph, const char *name, od_shape shape);
int od_graph_state(od_graph *graph, const char *name, od_shape shape);

// A node to add; name is given to its outputs and saved values.
typedef struct od_node_spec {
    od_op_kind op;
    const char *name;
    int inputs[OD_NODE_MAX_INPUTS], input_count;
    od_attributes attributes;
    const char *tag; // of a connection, else NULL
} od_node_spec;

// Checks the inputs by the op's shape rule, declares its outputs and saved values, and returns
// output 0. An activation may be an input of one node only once.
int od_graph_add(od_graph *graph, const od_node_spec *spec);

// The nodes added from now on belong to this residual block (-1: to none).
void od_graph_set_block(od_graph *graph, int block);

// Gradient checkpointing: what is inside of a block is not kept for backward but computed again
// (core/graph/steps.h). To be called before fusion and planning.
void od_graph_recompute_blocks(od_graph *graph);

// Keeps a value alive until the end of the step.
void od_graph_keep(od_graph *graph, int value);

// Reports the first fault of building, then fixes who consumes what and which gradients are
// overwritten and which added to. OD_E_INVALID when a gradient has no source or an op cannot add
// to a gradient that it has to add to. To be called again after a rewrite.
od_status od_graph_finish(od_graph *graph, od_error *error) OD_MUST_CHECK;

int64_t od_shape_count(const od_shape *shape);
// Values of [batch, shape...] for a batched value, of the shape alone for others.
int64_t od_value_count(const od_value *value, int64_t batch);
int64_t od_value_bytes(const od_value *value, int64_t batch);

// Floating-point operations of the matrix products of one training sample, forward and backward.
double od_graph_flops(const od_graph *graph);

// --- for shape rules (core/op) ---------------------------------------------------------------
// Declare an output or a saved value of node; batched, but for saved_once: one for the whole batch.
// without_gradient: no backward reads a gradient of it.
typedef enum od_gradient { OD_WITH_GRADIENT, OD_WITHOUT_GRADIENT } od_gradient;
int od_graph_output(od_graph *graph, od_node *node, const char *name, od_value_type type,
                    od_shape shape, od_gradient gradient);
int od_graph_saved(od_graph *graph, od_node *node, const char *name, od_shape shape);
int od_graph_saved_once(od_graph *graph, od_node *node, const char *name, od_shape shape);
// Keeps the fault when it is the first one, and returns its status.
od_status od_graph_fault(od_graph *graph, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
