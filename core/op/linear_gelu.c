// SPDX-License-Identifier: Apache-2.0
// y = gelu(x w^T + b) in one pass. What gelu reads in backward, x w^T + b, is a saved value.
#include "core/op/linear.h"

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0, .saved = 1U << 0};
}

static void forward(const od_op_call *call) {
    call->backend->linear_gelu_forward(
        call->device, od_op_output(call, 0), od_op_saved(call, 0), od_op_input(call, 0),
        od_op_input(call, 1), od_op_input(call, 2), od_op_rows(call, 0),
        od_op_channels(call->graph, call->node, 0), od_op_shape(call->graph, call->node, 1)->at[0]);
}

static void backward(const od_op_call *call) {
    float *dy = od_op_output_gradient(call, 0);
    const int64_t count = od_op_rows(call, 0) * od_op_shape(call->graph, call->node, 1)->at[0];
    call->backend->gelu_backward(call->device, dy, dy, od_op_saved(call, 0), count);
    od_linear_backward(call, dy);
}

const od_op od_op_linear_gelu = {
    .name = "linear_gelu",
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << 0,
    .flops = od_linear_flops,
};
