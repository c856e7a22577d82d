// SPDX-License-Identifier: Apache-2.0
// Batch norm over batch and positions with gamma and beta, and a ReLU behind it when relu is set.
// Inputs: x [.., n], gamma, beta, and the states running mean and variance [n], which a training
// forward moves (once a batch: not when it is computed again). Saved: this batch's mean and rstd.
#include "core/op/op.h"

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, INPUTS };
enum { MEAN, RSTD }; // saved

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, INPUTS, INPUTS));
    const od_shape x = *od_op_shape(graph, node, X);
    const od_shape channels = {1, {od_op_channels(graph, node, X)}};
    for (int i = GAMMA; i < INPUTS; i++) {
        OD_TRY(od_op_expect_shape(graph, node, i, channels));
    }
    od_graph_output(graph, node, name, OD_VALUE_F32, x, OD_WITH_GRADIENT);
    od_graph_saved_once(graph, node, name, channels);
    od_graph_saved_once(graph, node, name, channels);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << X, .saved = 1U << MEAN | 1U << RSTD};
}

static od_batchnorm norm_of(const od_op_call *call) {
    const od_attributes *attributes = &call->node->attributes;
    return (od_batchnorm){.rows = od_op_rows(call, X),
                          .n = od_op_channels(call->graph, call->node, X),
                          .eps = attributes->eps,
                          .momentum = attributes->momentum,
                          .relu = attributes->relu};
}

static void forward(const od_op_call *call) {
    const od_batchnorm norm = norm_of(call);
    float *y = od_op_output(call, 0);
    const float *x = od_op_input(call, X);
    if (!call->training) {
        call->backend->batchnorm_evaluate(call->device, y, x, od_op_input(call, RUNNING_MEAN),
                                          od_op_input(call, RUNNING_VAR), od_op_input(call, GAMMA),
                                          od_op_input(call, BETA), &norm);
        return;
    }
    call->backend->batchnorm_forward(call->device, y, od_op_saved(call, MEAN),
                                     od_op_saved(call, RSTD),
                                     call->recompute ? NULL : od_op_input(call, RUNNING_MEAN),
                                     call->recompute ? NULL : od_op_input(call, RUNNING_VAR), x,
                                     od_op_input(call, GAMMA), od_op_input(call, BETA), &norm);
}

static void backward(const od_op_call *call) {
    const od_batchnorm norm = norm_of(call);
    call->backend->batchnorm_backward(
        call->device, od_op_input_gradient(call, X), od_op_input_gradient(call, GAMMA),
        od_op_input_gradient(call, BETA), od_op_output_gradient(call, 0), od_op_input(call, X),
        od_op_saved(call, MEAN), od_op_saved(call, RSTD), od_op_input(call, GAMMA),
        od_op_input(call, BETA), &norm, od_op_accumulates(call, X));
}

static bool runs_on(const od_backend *backend) {
    return backend->batchnorm_forward != NULL && backend->batchnorm_evaluate != NULL &&
           backend->batchnorm_backward != NULL;
}

const od_op od_op_batchnorm = {
    .name = "batchnorm",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << X,
    .in_place = 1U << X,
    .runs_on = runs_on,
};
