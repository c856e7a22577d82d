// SPDX-License-Identifier: Apache-2.0
// What connect and connect_conv1x1 share: what a row is.
#ifndef OD_CORE_OP_CONNECT_ROWS_H
#define OD_CORE_OP_CONNECT_ROWS_H

#include "core/op/op.h"

typedef struct od_connect_rows {
    int64_t rows, n;
} od_connect_rows;

// The channels of one token or pixel; all of a sample where the attribute global meets a connection
// that is orthogonal in this run. (As in the reference, the linear one knows no global.)
static inline od_connect_rows od_connect_rows_of(const od_op_call *call) {
    if (call->node->attributes.global && od_op_connection(call) == OD_CONNECT_ORTHOGONAL) {
        return (od_connect_rows){call->batch,
                                 od_shape_count(od_op_shape(call->graph, call->node, 0))};
    }
    return (od_connect_rows){od_op_rows(call, 0), od_op_channels(call->graph, call->node, 0)};
}

// The shape of (s, 1/n) of each row of x, with room for the smaller rows.
static inline od_shape od_connect_coef_shape(od_shape x) {
    x.at[x.rank - 1] = 2;
    return x;
}

#endif
