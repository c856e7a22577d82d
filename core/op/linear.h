// SPDX-License-Identifier: Apache-2.0
// What linear and the op it is fused into share.
#ifndef OD_CORE_OP_LINEAR_H
#define OD_CORE_OP_LINEAR_H

#include "core/op/op.h"

// Inputs x [.., in], w [out, in], b [out] (which may be missing); dy is the gradient of x w^T + b.
void od_linear_backward(const od_op_call *call, const float *dy);
double od_linear_flops(const od_graph *graph, const od_node *node);

#endif
