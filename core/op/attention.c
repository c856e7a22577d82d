// SPDX-License-Identifier: Apache-2.0
// out [tokens, width] = softmax(q k^T / sqrt(head_dim)) v from qkv [tokens, 3 * width].
// Saved: the probabilities [heads, tokens, tokens].
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    OD_TRY(od_op_expect_rank(graph, node, 0, 2));
    const od_shape qkv = *od_op_shape(graph, node, 0);
    const int64_t heads = node->attributes.heads;
    if (heads < 1 || qkv.at[1] % (3 * heads) != 0) {
        return od_graph_fault(graph, "%lld heads do not divide a width of %lld", (long long)heads,
                              (long long)(qkv.at[1] / 3));
    }
    od_graph_output(graph, node, name, OD_VALUE_F32, (od_shape){2, {qkv.at[0], qkv.at[1] / 3}},
                    OD_WITH_GRADIENT);
    od_graph_saved(graph, node, name, (od_shape){3, {heads, qkv.at[0], qkv.at[0]}});
    return graph->fault.status;
}

static od_reads reads(const od_node *node) {
    (void)node;
    return (od_reads){.inputs = 1U << 0, .saved = 1U << 0};
}

static int64_t head_dim(const od_op_call *call) {
    return od_op_channels(call->graph, call->node, 0) / 3 / call->node->attributes.heads;
}

static void forward(const od_op_call *call) {
    call->backend->attention_forward(call->device, od_op_output(call, 0), od_op_saved(call, 0),
                                     od_op_input(call, 0), call->batch,
                                     od_op_shape(call->graph, call->node, 0)->at[0],
                                     call->node->attributes.heads, head_dim(call));
}

static void backward(const od_op_call *call) {
    call->backend->attention_backward(call->device, od_op_input_gradient(call, 0),
                                      od_op_output_gradient(call, 0), od_op_input(call, 0),
                                      od_op_saved(call, 0), call->batch,
                                      od_op_shape(call->graph, call->node, 0)->at[0],
                                      call->node->attributes.heads, head_dim(call));
}

// Two products forward (q k^T, p v), four backward.
static double flops(const od_graph *graph, const od_node *node) {
    const od_shape *qkv = od_op_shape(graph, node, 0);
    return 6 * 2.0 * (double)qkv->at[0] * (double)qkv->at[0] * (double)qkv->at[1] / 3;
}

const od_op od_op_attention = {
    .name = "attention",
    .shape = shape,
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
