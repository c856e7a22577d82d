// SPDX-License-Identifier: Apache-2.0
// y = gelu(x) by tanh, value by value.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    od_graph_output(graph, node, name, OD_VALUE_F32, *od_op_shape(graph, node, 0),
                    OD_WITH_GRADIENT);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0};
}

static int64_t count(const od_op_call *call) {
    return call->batch * od_shape_count(od_op_shape(call->graph, call->node, 0));
}

static void forward(const od_op_call *call) {
    call->backend->gelu_forward(call->device, od_op_output(call, 0), od_op_input(call, 0),
                                count(call));
}

static void backward(const od_op_call *call) {
    call->backend->gelu_backward(call->device, od_op_input_gradient(call, 0),
                                 od_op_output_gradient(call, 0), od_op_input(call, 0), count(call));
}

const od_op od_op_gelu = {
    .name = "gelu",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .in_place = 1U << 0,
};
