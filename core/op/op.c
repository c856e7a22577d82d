// SPDX-License-Identifier: Apache-2.0
#include "core/op/op.h"

static const od_op *const ops[OD_OP_COUNT] = {
#define X(kind, name) [kind] = &od_op_##name,
    OD_OP_MAP(X)
#undef X
};

const od_op *od_op_of(od_op_kind kind) {
    return ops[kind];
}

void *od_op_input(const od_op_call *call, int i) {
    return i < call->node->input_count ? call->values[call->node->inputs[i]] : NULL;
}

void *od_op_output(const od_op_call *call, int i) {
    return call->values[call->node->outputs[i]];
}

void *od_op_saved(const od_op_call *call, int i) {
    return i < call->node->saved_count ? call->values[call->node->saved[i]] : NULL;
}

float *od_op_input_gradient(const od_op_call *call, int i) {
    return i < call->node->input_count ? call->gradients[call->node->inputs[i]] : NULL;
}

float *od_op_output_gradient(const od_op_call *call, int i) {
    return call->gradients[call->node->outputs[i]];
}

bool od_op_accumulates(const od_op_call *call, int i) {
    return (call->node->accumulate >> i & 1U) != 0;
}

const od_shape *od_op_shape(const od_graph *graph, const od_node *node, int input) {
    return &graph->values[node->inputs[input]].shape;
}

int64_t od_op_channels(const od_graph *graph, const od_node *node, int input) {
    const od_shape *shape = od_op_shape(graph, node, input);
    return shape->at[shape->rank - 1];
}

int64_t od_op_rows_per_sample(const od_graph *graph, const od_node *node, int input) {
    return od_shape_count(od_op_shape(graph, node, input)) / od_op_channels(graph, node, input);
}

int64_t od_op_rows(const od_op_call *call, int input) {
    return call->batch * od_op_rows_per_sample(call->graph, call->node, input);
}

od_connection od_op_connection(const od_op_call *call) {
    const od_connection own = call->node->attributes.connection;
    return call->linear && own == OD_CONNECT_ORTHOGONAL ? OD_CONNECT_LINEAR : own;
}

od_philox od_op_draws(const od_op_call *call, od_purpose purpose) {
    od_philox draws;
    od_philox_init(&draws, call->seed, purpose, (uint32_t)call->node->attributes.layer, call->draw);
    return draws;
}

od_status od_op_expect_inputs(od_graph *graph, const od_node *node, int least, int most) {
    if (node->input_count < least || node->input_count > most) {
        return od_graph_fault(graph, "%s has %d inputs; it takes %d to %d",
                              od_op_of(node->op)->name, node->input_count, least, most);
    }
    return OD_OK;
}

od_status od_op_expect_rank(od_graph *graph, const od_node *node, int input, int rank) {
    const od_value *value = &graph->values[node->inputs[input]];
    if (value->shape.rank != rank) {
        return od_graph_fault(graph, "%s: %s has rank %d; it takes rank %d",
                              od_op_of(node->op)->name, value->name, value->shape.rank, rank);
    }
    return OD_OK;
}

od_status od_op_expect_shape(od_graph *graph, const od_node *node, int input, od_shape shape) {
    OD_TRY(od_op_expect_rank(graph, node, input, shape.rank));
    const od_value *value = &graph->values[node->inputs[input]];
    for (int i = 0; i < shape.rank; i++) {
        if (value->shape.at[i] != shape.at[i]) {
            return od_graph_fault(graph, "%s: side %d of %s is %lld; it takes %lld",
                                  od_op_of(node->op)->name, i, value->name,
                                  (long long)value->shape.at[i], (long long)shape.at[i]);
        }
    }
    return OD_OK;
}
