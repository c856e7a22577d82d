// SPDX-License-Identifier: Apache-2.0
// y = (x - mean) / sqrt(var + eps) per row, then gamma and beta when there are such inputs.
// Saved: mean and rstd, one each a row.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 3));
    const od_shape x = *od_op_shape(graph, node, 0);
    for (int i = 1; i < node->input_count; i++) {
        OD_TRY(od_op_expect_shape(graph, node, i, (od_shape){1, {x.at[x.rank - 1]}}));
    }
    if (node->input_count == 2) {
        return od_graph_fault(graph, "%s: layernorm takes gamma and beta or neither", name);
    }
    od_shape rows = x;
    rows.rank--;
    od_graph_output(graph, node, name, OD_VALUE_F32, x, OD_WITH_GRADIENT);
    od_graph_saved(graph, node, name, rows);
    od_graph_saved(graph, node, name, rows);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0, .saved = 1U << 0 | 1U << 1};
}

static void forward(const od_op_call *call) {
    call->backend->layernorm_forward(
        call->device, od_op_output(call, 0), od_op_saved(call, 0), od_op_saved(call, 1),
        od_op_input(call, 0), od_op_input(call, 1), od_op_input(call, 2), od_op_rows(call, 0),
        od_op_channels(call->graph, call->node, 0), call->node->attributes.eps);
}

static void backward(const od_op_call *call) {
    call->backend->layernorm_backward(
        call->device, od_op_input_gradient(call, 0), od_op_input_gradient(call, 1),
        od_op_input_gradient(call, 2), od_op_output_gradient(call, 0), od_op_input(call, 0),
        od_op_saved(call, 0), od_op_saved(call, 1), od_op_input(call, 1), od_op_rows(call, 0),
        od_op_channels(call->graph, call->node, 0), od_op_accumulates(call, 0));
}

const od_op od_op_layernorm = {
    .name = "layernorm",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << 0,
};
