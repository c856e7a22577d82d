// SPDX-License-Identifier: Apache-2.0
// y [.., out] = x [.., in] w^T + b, as torch.nn.Linear; w [out, in], b [out] or missing.
#include "core/op/linear.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 2, 3));
    OD_TRY(od_op_expect_rank(graph, node, 1, 2));
    const int64_t out = od_op_shape(graph, node, 1)->at[0];
    OD_TRY(
        od_op_expect_shape(graph, node, 1, (od_shape){2, {out, od_op_channels(graph, node, 0)}}));
    if (node->input_count == 3) {
        OD_TRY(od_op_expect_shape(graph, node, 2, (od_shape){1, {out}}));
    }
    od_shape y = *od_op_shape(graph, node, 0);
    y.at[y.rank - 1] = out;
    od_graph_output(graph, node, name, OD_VALUE_F32, y, OD_WITH_GRADIENT);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0};
}

static void forward(const od_op_call *call) {
    call->backend->linear_forward(call->device, od_op_output(call, 0), od_op_input(call, 0),
                                  od_op_input(call, 1), od_op_input(call, 2), od_op_rows(call, 0),
                                  od_op_channels(call->graph, call->node, 0),
                                  od_op_shape(call->graph, call->node, 1)->at[0]);
}

void od_linear_backward(const od_op_call *call, const float *dy) {
    call->backend->linear_backward(
        call->device, od_op_input_gradient(call, 0), od_op_input_gradient(call, 1),
        od_op_input_gradient(call, 2), dy, od_op_input(call, 0), od_op_input(call, 1),
        od_op_rows(call, 0), od_op_channels(call->graph, call->node, 0),
        od_op_shape(call->graph, call->node, 1)->at[0], od_op_accumulates(call, 0));
}

static void backward(const od_op_call *call) {
    od_linear_backward(call, od_op_output_gradient(call, 0));
}

double od_linear_flops(const od_graph *graph, const od_node *node) {
    const od_shape *w = od_op_shape(graph, node, 1);
    const double product =
        2.0 * (double)od_op_rows_per_sample(graph, node, 0) * (double)w->at[0] * (double)w->at[1];
    return product * (graph->values[node->inputs[0]].has_gradient ? 3 : 2);
}

const od_op od_op_linear = {
    .name = "linear",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << 0,
    .flops = od_linear_flops,
};
