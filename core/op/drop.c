// SPDX-License-Identifier: Apache-2.0
// y = x where a draw keeps it, divided by the share that is kept, else 0: in training only; otherwise
// y = x. Single values (dropout), or all of a sample at once (drop path). The mask is a function of
// seed, layer and micro-batch, so backward draws it again and nothing is saved.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    if (!(node->attributes.rate >= 0 && node->attributes.rate <= 1)) {
        return od_graph_fault(graph, "drop: the rate of %s is %g; it takes 0 to 1", name,
                              (double)node->attributes.rate);
    }
    od_graph_output(graph, node, name, OD_VALUE_F32, *od_op_shape(graph, node, 0),
                    OD_WITH_GRADIENT);
    return graph->fault.status;
}

static void drop(const od_op_call *call, float *y, const float *x) {
    const od_attributes *attributes = &call->node->attributes;
    const int64_t sample = od_shape_count(od_op_shape(call->graph, call->node, 0));
    const od_philox draws = od_op_draws(call, OD_PURPOSE_DROP);
    call->backend->drop(call->device, y, x, call->batch * sample,
                        attributes->whole_samples ? sample : 1,
                        call->training ? attributes->rate : 0, &draws);
}

static void forward(const od_op_call *call) {
    drop(call, od_op_output(call, 0), od_op_input(call, 0));
}

static void backward(const od_op_call *call) {
    drop(call, od_op_input_gradient(call, 0), od_op_output_gradient(call, 0));
}

const od_op od_op_drop = {
    .name = "drop",
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .in_place = 1U << 0,
};
