// SPDX-License-Identifier: Apache-2.0
// The residual connection: the new stream y from the stream x and the module output f.
// Saved, by the orthogonal one only: (s, 1/n) of each row. The others read nothing in backward.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 2, 2));
    const od_shape x = *od_op_shape(graph, node, 0);
    OD_TRY(od_op_expect_shape(graph, node, 1, x));
    od_graph_output(graph, node, name, OD_VALUE_F32, x, OD_WITH_GRADIENT);
    if (node->attributes.connection == OD_CONNECT_ORTHOGONAL) {
        od_shape coef = x;
        coef.at[coef.rank - 1] = 2;
        od_graph_saved(graph, node, name, coef);
    }
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    if (node->attributes.connection != OD_CONNECT_ORTHOGONAL) {
        return (od_reads){0};
    }
    return (od_reads){.inputs = 1U << 0 | 1U << 1, .saved = 1U << 0};
}

static void forward(const od_op_call *call) {
    call->backend->connect_forward(call->device, od_op_output(call, 0), od_op_saved(call, 0),
                                   call->stats, od_op_input(call, 0), od_op_input(call, 1),
                                   od_op_rows(call, 0), od_op_channels(call->graph, call->node, 0),
                                   call->node->attributes.connection, call->node->attributes.eps);
}

static void backward(const od_op_call *call) {
    call->backend->connect_backward(
        call->device, od_op_input_gradient(call, 0), od_op_input_gradient(call, 1),
        od_op_output_gradient(call, 0), od_op_input(call, 0), od_op_input(call, 1),
        od_op_saved(call, 0), od_op_rows(call, 0), od_op_channels(call->graph, call->node, 0),
        call->node->attributes.connection, od_op_accumulates(call, 0));
}

const od_op od_op_connect = {
    .name = "connect",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << 0,
    .in_place = 1U << 0,
};
