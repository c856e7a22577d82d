// SPDX-License-Identifier: Apache-2.0
// y [n] = the mean over all positions of x [height, width, n].
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    OD_TRY(od_op_expect_rank(graph, node, 0, 3));
    od_graph_output(graph, node, name, OD_VALUE_F32,
                    (od_shape){1, {od_op_channels(graph, node, 0)}}, OD_WITH_GRADIENT);
    return graph->fault.status;
}

static void forward(const od_op_call *call) {
    call->backend->avgpool_forward(call->device, od_op_output(call, 0), od_op_input(call, 0),
                                   call->batch, od_op_rows_per_sample(call->graph, call->node, 0),
                                   od_op_channels(call->graph, call->node, 0));
}

static void backward(const od_op_call *call) {
    call->backend->avgpool_backward(call->device, od_op_input_gradient(call, 0),
                                    od_op_output_gradient(call, 0), call->batch,
                                    od_op_rows_per_sample(call->graph, call->node, 0),
                                    od_op_channels(call->graph, call->node, 0));
}

static bool runs_on(const od_backend *backend) {
    return backend->avgpool_forward != NULL && backend->avgpool_backward != NULL;
}

const od_op od_op_avgpool = {
    .name = "avgpool",
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .runs_on = runs_on,
};
