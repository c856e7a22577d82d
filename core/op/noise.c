// SPDX-License-Identifier: Apache-2.0
// y = x + scale z with normal z, in training and in evaluation, as the reference perturbs a
// module's output. z is a function of seed, layer and micro-batch; the gradient passes unchanged.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    od_graph_output(graph, node, name, OD_VALUE_F32, *od_op_shape(graph, node, 0),
                    OD_WITH_GRADIENT);
    return graph->fault.status;
}

static int64_t count(const od_op_call *call) {
    return call->batch * od_shape_count(od_op_shape(call->graph, call->node, 0));
}

static void forward(const od_op_call *call) {
    const od_philox draws =
        od_op_draws(call, call->training ? OD_PURPOSE_NOISE : OD_PURPOSE_EVAL_NOISE);
    call->backend->add_noise(call->device, od_op_output(call, 0), od_op_input(call, 0), count(call),
                             call->node->attributes.noise, &draws);
}

static void backward(const od_op_call *call) {
    const od_philox draws = od_op_draws(call, OD_PURPOSE_NOISE);
    const float *dy = od_op_output_gradient(call, 0);
    float *dx = od_op_input_gradient(call, 0);
    if (dx != dy) { // nothing is dropped: a copy
        call->backend->drop(call->device, dx, dy, count(call), count(call), 0, &draws);
    }
}

const od_op od_op_noise = {
    .name = "noise",
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .in_place = 1U << 0,
};
