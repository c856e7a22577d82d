// SPDX-License-Identifier: Apache-2.0
// y = connect(x, f) and z = layernorm(y) without affine, in one pass over each row.
// Saved: mean, rstd of y's rows, and (s, 1/n) as connect does. Made from a stream y that others
// read too, so the gradient of y is there when backward adds the layernorm's share to it.
#include "core/op/op.h"

enum { Y, Z };             // outputs
enum { MEAN, RSTD, COEF }; // saved

static od_reads reads(const od_node *node) {
    od_reads reads = {.outputs = 1U << Y, .saved = 1U << MEAN | 1U << RSTD};
    if (node->attributes.connection == OD_CONNECT_ORTHOGONAL) {
        reads.inputs = 1U << 0 | 1U << 1;
        reads.saved |= 1U << COEF;
    }
    return reads;
}

static void forward(const od_op_call *call) {
    const od_attributes *attributes = &call->node->attributes;
    call->backend->connect_layernorm_forward(
        call->device, od_op_output(call, Y), od_op_output(call, Z), od_op_saved(call, MEAN),
        od_op_saved(call, RSTD), od_op_saved(call, COEF), call->stats, od_op_input(call, 0),
        od_op_input(call, 1), od_op_rows(call, 0), od_op_channels(call->graph, call->node, 0),
        od_op_connection(call), attributes->eps, attributes->norm_eps);
}

static void backward(const od_op_call *call) {
    const od_backend *backend = call->backend;
    const int64_t rows = od_op_rows(call, 0);
    const int64_t n = od_op_channels(call->graph, call->node, 0);
    float *dy = od_op_output_gradient(call, Y);
    backend->layernorm_backward(call->device, dy, NULL, NULL, od_op_output_gradient(call, Z),
                                od_op_output(call, Y), od_op_saved(call, MEAN),
                                od_op_saved(call, RSTD), NULL, rows, n, true);
    backend->connect_backward(call->device, od_op_input_gradient(call, 0),
                              od_op_input_gradient(call, 1), dy, od_op_input(call, 0),
                              od_op_input(call, 1), od_op_saved(call, COEF), rows, n,
                              od_op_connection(call), od_op_accumulates(call, 0));
}

const od_op od_op_connect_layernorm = {
    .name = "connect_layernorm",
    .reads = reads,
    .forward = forward,
    .backward = backward,
    .can_accumulate = 1U << 0,
    .in_place = 1U << 0,
};
