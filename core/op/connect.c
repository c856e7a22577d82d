// SPDX-License-Identifier: Apache-2.0
// The residual connection: the new stream y from the stream x, the module output f and, with a
// pattern, a learnable scalar a [1]. Saved, where backward needs it: (s, 1/n) of each row. The
// linear and negative connections without a pattern read nothing in backward.
#include "core/op/connect_rows.h"

enum { X, F, SCALAR }; // inputs

static bool has_pattern(const od_node *node) {
    return node->attributes.pattern != OD_PATTERN_DEFAULT;
}

static bool keeps_rows(const od_node *node) {
    return has_pattern(node) || node->attributes.connection == OD_CONNECT_ORTHOGONAL;
}

static od_status check_pattern(od_graph *graph, const od_node *node, const char *name) {
    const od_attributes *attributes = &node->attributes;
    const int inputs = has_pattern(node) ? 3 : 2;
    OD_TRY(od_op_expect_inputs(graph, node, inputs, inputs));
    if (!has_pattern(node)) {
        return OD_OK;
    }
    if (attributes->connection == OD_CONNECT_NEGATIVE ||
        attributes->pattern == OD_PATTERN_RESCALE_CONV) {
        return od_graph_fault(graph, "connect: %s has a pattern that does not go with it", name);
    }
    return od_op_expect_shape(graph, node, SCALAR, (od_shape){1, {1}});
}

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(check_pattern(graph, node, name));
    const od_shape x = *od_op_shape(graph, node, X);
    OD_TRY(od_op_expect_shape(graph, node, F, x));
    od_graph_output(graph, node, name, OD_VALUE_F32, x, OD_WITH_GRADIENT);
    if (keeps_rows(node)) {
        od_graph_saved(graph, node, name, od_connect_coef_shape(x));
    }
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    if (!keeps_rows(node)) {
        return (od_reads){0};
    }
    return (od_reads){.inputs = 1U << X | 1U << F, .saved = 1U << 0};
}

static od_pattern_options options_of(const od_op_call *call) {
    return (od_pattern_options){
        .connection = od_op_connection(call),
        .pattern = call->node->attributes.pattern,
        .eps = call->node->attributes.eps,
        .scalar = od_op_input(call, SCALAR),
    };
}

static void forward(const od_op_call *call) {
    const od_connect_rows r = od_connect_rows_of(call);
    float *y = od_op_output(call, 0), *coef = od_op_saved(call, 0);
    const float *x = od_op_input(call, X), *f = od_op_input(call, F);
    if (has_pattern(call->node)) {
        const od_pattern_options options = options_of(call);
        call->backend->pattern_forward(call->device, y, coef, call->stats, x, f, r.rows, r.n,
                                       &options);
    } else {
        call->backend->connect_forward(call->device, y, coef, call->stats, x, f, r.rows, r.n,
                                       od_op_connection(call), call->node->attributes.eps);
    }
}

static void backward(const od_op_call *call) {
    const od_connect_rows r = od_connect_rows_of(call);
    float *dx = od_op_input_gradient(call, X), *df = od_op_input_gradient(call, F);
    const float *g = od_op_output_gradient(call, 0), *coef = od_op_saved(call, 0);
    const float *x = od_op_input(call, X), *f = od_op_input(call, F);
    const bool accumulate = od_op_accumulates(call, X);
    if (has_pattern(call->node)) {
        const od_pattern_options options = options_of(call);
        call->backend->pattern_backward(call->device, dx, df, od_op_input_gradient(call, SCALAR), g,
                                        x, f, coef, r.rows, r.n, &options, accumulate);
    } else {
        call->backend->connect_backward(call->device, dx, df, g, x, f, coef, r.rows, r.n,
                                        od_op_connection(call), accumulate);
    }
}

const od_op od_op_connect = {
    .name = "connect",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << X,
    .in_place = 1U << X,
};
