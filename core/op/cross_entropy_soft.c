// SPDX-License-Identifier: Apache-2.0
// loss [1 a sample] from logits [classes] and, in training, targets [classes]; in evaluation from
// the int32 label, without smoothing, and the label's rank. Training leaves rank as it is: mixed
// samples have no one label. Backward computes the softmax again and writes the same loss.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 3, 3));
    OD_TRY(od_op_expect_rank(graph, node, 0, 1));
    OD_TRY(od_op_expect_shape(graph, node, 1, (od_shape){0}));
    OD_TRY(od_op_expect_shape(graph, node, 2, *od_op_shape(graph, node, 0)));
    od_graph_output(graph, node, name, OD_VALUE_F32, (od_shape){0}, OD_WITHOUT_GRADIENT);
    od_graph_output(graph, node, name, OD_VALUE_I32, (od_shape){0}, OD_WITHOUT_GRADIENT);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0 | 1U << 2, .outputs = 1U << 0};
}

static void train(const od_op_call *call, float *dlogits) {
    call->backend->cross_entropy_soft(call->device, od_op_output(call, 0), dlogits,
                                      od_op_input(call, 0), od_op_input(call, 2), call->batch,
                                      od_op_channels(call->graph, call->node, 0), call->loss_scale);
}

static void forward(const od_op_call *call) {
    if (call->training) {
        train(call, NULL);
        return;
    }
    call->backend->cross_entropy(call->device, od_op_output(call, 0), od_op_output(call, 1), NULL,
                                 od_op_input(call, 0), od_op_input(call, 1), call->batch,
                                 od_op_channels(call->graph, call->node, 0), 0, 0);
}

static void backward(const od_op_call *call) {
    train(call, od_op_input_gradient(call, 0));
}

const od_op od_op_cross_entropy_soft = {
    .name = "cross_entropy_soft",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
};
