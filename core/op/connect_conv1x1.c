// SPDX-License-Identifier: Apache-2.0
// The pattern rescale_stream with a 1x1 convolution: y = x w^T + f - s x, w [channels, channels],
// without bias. Channels lie side by side, so the convolution is the product that linear computes;
// it is written into y, where the connection finds it.
#include "core/op/connect_rows.h"
#include "core/op/linear.h"

enum { X, W, F }; // inputs; x and w stand where od_linear_flops looks for them

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 3, 3));
    const od_shape x = *od_op_shape(graph, node, X);
    const int64_t channels = od_op_channels(graph, node, X);
    OD_TRY(od_op_expect_shape(graph, node, F, x));
    OD_TRY(od_op_expect_shape(graph, node, W, (od_shape){2, {channels, channels}}));
    od_graph_output(graph, node, name, OD_VALUE_F32, x, OD_WITH_GRADIENT);
    od_graph_saved(graph, node, name, od_connect_coef_shape(x));
    node->attributes.pattern = OD_PATTERN_RESCALE_CONV; // whatever the model said
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << X | 1U << F, .saved = 1U << 0};
}

static od_pattern_options options_of(const od_op_call *call) {
    return (od_pattern_options){
        .connection = od_op_connection(call),
        .pattern = OD_PATTERN_RESCALE_CONV,
        .eps = call->node->attributes.eps,
    };
}

static void forward(const od_op_call *call) {
    const od_connect_rows r = od_connect_rows_of(call);
    const od_pattern_options options = options_of(call);
    const int64_t channels = od_op_channels(call->graph, call->node, X);
    float *y = od_op_output(call, 0);
    call->backend->linear_forward(call->device, y, od_op_input(call, X), od_op_input(call, W), NULL,
                                  od_op_rows(call, X), channels, channels);
    call->backend->pattern_forward(call->device, y, od_op_saved(call, 0), call->stats,
                                   od_op_input(call, X), od_op_input(call, F), r.rows, r.n,
                                   &options);
    if (call->stats != NULL) {
        double *squares = (double *)(void *)(call->stats + OD_CONNECT_WEIGHT_SQUARES);
        call->backend->sum_of_squares(call->device, squares, od_op_input(call, W),
                                      channels * channels);
    }
}

static void backward(const od_op_call *call) {
    const od_connect_rows r = od_connect_rows_of(call);
    const od_pattern_options options = options_of(call);
    const int64_t channels = od_op_channels(call->graph, call->node, X);
    const float *g = od_op_output_gradient(call, 0), *x = od_op_input(call, X);
    float *dx = od_op_input_gradient(call, X);
    call->backend->pattern_backward(call->device, dx, od_op_input_gradient(call, F), NULL, g, x,
                                    od_op_input(call, F), od_op_saved(call, 0), r.rows, r.n,
                                    &options, od_op_accumulates(call, X));
    call->backend->linear_backward(call->device, dx, od_op_input_gradient(call, W), NULL, g, x,
                                   od_op_input(call, W), od_op_rows(call, X), channels, channels,
                                   true);
}

const od_op od_op_connect_conv1x1 = {
    .name = "connect_conv1x1",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << X,
    .flops = od_linear_flops,
};
