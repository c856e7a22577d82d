// SPDX-License-Identifier: Apache-2.0
// loss [1 a sample] and rank of the label from logits [classes] and an int32 label a sample.
// Backward computes the softmax again rather than keeping it: logits are few. It writes loss and
// rank a second time, with the same values.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 2, 2));
    OD_TRY(od_op_expect_rank(graph, node, 0, 1));
    OD_TRY(od_op_expect_shape(graph, node, 1, (od_shape){0}));
    od_graph_output(graph, node, name, OD_VALUE_F32, (od_shape){0}, OD_WITHOUT_GRADIENT);
    od_graph_output(graph, node, name, OD_VALUE_I32, (od_shape){0}, OD_WITHOUT_GRADIENT);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0 | 1U << 1, .outputs = 1U << 0 | 1U << 1};
}

static void compute(const od_op_call *call, float *dlogits) {
    call->backend->cross_entropy(
        call->device, od_op_output(call, 0), od_op_output(call, 1), dlogits, od_op_input(call, 0),
        od_op_input(call, 1), call->batch, od_op_channels(call->graph, call->node, 0),
        call->training ? call->node->attributes.smoothing : 0, call->loss_scale);
}

static void forward(const od_op_call *call) {
    compute(call, NULL);
}

static void backward(const od_op_call *call) {
    compute(call, od_op_input_gradient(call, 0));
}

const od_op od_op_cross_entropy = {
    .name = "cross_entropy",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
};
