// SPDX-License-Identifier: Apache-2.0
// Images [height, width, channels] -> patches [tokens, channels * p * p]: with a linear behind it,
// a convolution whose kernel is its stride. The images have no gradient, so there is no backward.
#include "core/op/op.h"

static od_status shape(od_graph *graph, od_node *node, const char *name) {
    OD_TRY(od_op_expect_inputs(graph, node, 1, 1));
    OD_TRY(od_op_expect_rank(graph, node, 0, 3));
    const od_shape image = *od_op_shape(graph, node, 0);
    const int64_t p = node->attributes.patch;
    if (p < 1 || image.at[0] % p != 0 || image.at[1] % p != 0) {
        return od_graph_fault(graph,
                              "patches of %lld do not divide images of %lld x %lld; give a "
                              "patch_size that divides both",
                              (long long)p, (long long)image.at[0], (long long)image.at[1]);
    }
    if (node->has_backward) {
        return od_graph_fault(graph, "%s: patchify has no backward; give it an input", name);
    }
    const od_shape patches = {2, {image.at[0] / p * (image.at[1] / p), image.at[2] * p * p}};
    od_graph_output(graph, node, name, OD_VALUE_F32, patches, OD_WITHOUT_GRADIENT);
    return graph->fault.status;
}

static void forward(const od_op_call *call) {
    const od_shape *image = od_op_shape(call->graph, call->node, 0);
    call->backend->patchify(call->device, od_op_output(call, 0), od_op_input(call, 0), call->batch,
                            image->at[0], image->at[1], image->at[2], call->node->attributes.patch);
}

const od_op od_op_patchify = {.name = "patchify", .shape = shape, .forward = forward};
