// SPDX-License-Identifier: Apache-2.0
// y [n] = the first row of x [tokens, n].
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    OD_TRY(od_op_expect_rank(graph, node, 0, 2));
    od_graph_output(graph, node, name, OD_VALUE_F32,
                    (od_shape){1, {od_op_channels(graph, node, 0)}}, OD_WITH_GRADIENT);
    return graph->fault.status;
}

static void forward(const od_op_call *call) {
    const od_shape *x = od_op_shape(call->graph, call->node, 0);
    call->backend->first_token_forward(call->device, od_op_output(call, 0), od_op_input(call, 0),
                                       call->batch, x->at[0], x->at[1]);
}

static void backward(const od_op_call *call) {
    const od_shape *x = od_op_shape(call->graph, call->node, 0);
    call->backend->first_token_backward(call->device, od_op_input_gradient(call, 0),
                                        od_op_output_gradient(call, 0), call->batch, x->at[0],
                                        x->at[1], od_op_accumulates(call, 0));
}

const od_op od_op_first_token = {
    .name = "first_token",
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << 0,
};
