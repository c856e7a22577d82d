// SPDX-License-Identifier: Apache-2.0
// y [tokens + 1, n] = cls [n] in front of x [tokens, n] + pos [tokens, n].
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 3, 3));
    OD_TRY(od_op_expect_rank(graph, node, 0, 2));
    const od_shape x = *od_op_shape(graph, node, 0);
    OD_TRY(od_op_expect_shape(graph, node, 1, (od_shape){1, {x.at[1]}}));
    OD_TRY(od_op_expect_shape(graph, node, 2, x));
    od_graph_output(graph, node, name, OD_VALUE_F32, (od_shape){2, {x.at[0] + 1, x.at[1]}},
                    OD_WITH_GRADIENT);
    return graph->fault.status;
}

static void forward(const od_op_call *call) {
    const od_shape *x = od_op_shape(call->graph, call->node, 0);
    call->backend->embed_tokens_forward(call->device, od_op_output(call, 0), od_op_input(call, 0),
                                        od_op_input(call, 1), od_op_input(call, 2), call->batch,
                                        x->at[0], x->at[1]);
}

static void backward(const od_op_call *call) {
    const od_shape *x = od_op_shape(call->graph, call->node, 0);
    call->backend->embed_tokens_backward(
        call->device, od_op_input_gradient(call, 0), od_op_input_gradient(call, 1),
        od_op_input_gradient(call, 2), od_op_output_gradient(call, 0), call->batch, x->at[0],
        x->at[1]);
}

const od_op od_op_embed_tokens = {
    .name = "embed_tokens",
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
