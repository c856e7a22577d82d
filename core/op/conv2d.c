// SPDX-License-Identifier: Apache-2.0
// y [height', width', out] = x [height, width, in] convolved with w [out, in, k, k], plus b [out],
// as torch.nn.Conv2d with a square kernel.
#include "core/op/op.h"

static od_conv2d conv_of(const od_graph *graph, const od_node *node, int64_t batch) {
    const od_shape *x = od_op_shape(graph, node, 0);
    const od_shape *w = od_op_shape(graph, node, 1);
    return (od_conv2d){.batch = batch,
                       .height = x->at[0],
                       .width = x->at[1],
                       .in = x->at[2],
                       .out = w->at[0],
                       .kernel = w->at[2],
                       .stride = node->attributes.stride,
                       .padding = node->attributes.padding};
}

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 3, 3));
    OD_TRY(od_op_expect_rank(graph, node, 0, 3));
    OD_TRY(od_op_expect_rank(graph, node, 1, 4));
    const od_conv2d conv = conv_of(graph, node, 1);
    OD_TRY(od_op_expect_shape(graph, node, 1,
                              (od_shape){4, {conv.out, conv.in, conv.kernel, conv.kernel}}));
    OD_TRY(od_op_expect_shape(graph, node, 2, (od_shape){1, {conv.out}}));
    if (conv.stride < 1 || conv.padding < 0 || conv.height + 2 * conv.padding < conv.kernel ||
        conv.width + 2 * conv.padding < conv.kernel) {
        return od_graph_fault(graph,
                              "%s: a kernel of %lld with stride %lld and padding %lld does not go "
                              "over images of %lld x %lld",
                              name, (long long)conv.kernel, (long long)conv.stride,
                              (long long)conv.padding, (long long)conv.height,
                              (long long)conv.width);
    }
    const od_shape y = {
        3, {od_conv2d_side(&conv, conv.height), od_conv2d_side(&conv, conv.width), conv.out}};
    od_graph_output(graph, node, name, OD_VALUE_F32, y, OD_WITH_GRADIENT);
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0};
}

static void forward(const od_op_call *call) {
    const od_conv2d conv = conv_of(call->graph, call->node, call->batch);
    call->backend->conv2d_forward(call->device, od_op_output(call, 0), od_op_input(call, 0),
                                  od_op_input(call, 1), od_op_input(call, 2), &conv);
}

static void backward(const od_op_call *call) {
    const od_conv2d conv = conv_of(call->graph, call->node, call->batch);
    call->backend->conv2d_backward(call->device, od_op_input_gradient(call, 0),
                                   od_op_input_gradient(call, 1), od_op_input_gradient(call, 2),
                                   od_op_output_gradient(call, 0), od_op_input(call, 0),
                                   od_op_input(call, 1), &conv);
}

static double flops(const od_graph *graph, const od_node *node) {
    const od_value *y = &graph->values[node->outputs[0]];
    const od_conv2d conv = conv_of(graph, node, 1);
    const double product =
        2.0 * (double)od_shape_count(&y->shape) * (double)(conv.in * conv.kernel * conv.kernel);
    return product * (graph->values[node->inputs[0]].has_gradient ? 3 : 2);
}

static bool runs_on(const od_backend *backend) {
    return backend->conv2d_forward != NULL && backend->conv2d_backward != NULL;
}

const od_op od_op_conv2d = {
    .name = "conv2d",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .flops = flops,
    .runs_on = runs_on,
};
