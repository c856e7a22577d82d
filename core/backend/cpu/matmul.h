// SPDX-License-Identifier: Apache-2.0
// The linear layers of a device that computes in bfloat16: operands rounded, sums in float32. The
// arguments are those of backend.h.
#ifndef OD_CORE_BACKEND_CPU_MATMUL_H
#define OD_CORE_BACKEND_CPU_MATMUL_H

#include "core/backend/backend.h"

// gelu: gelu(y), or NULL where it is not wanted.
void od_cpu_bf16_linear_forward(od_device *device, float *y, float *gelu, const float *x,
                                const float *w, const float *b, int64_t rows, int64_t in,
                                int64_t out);
void od_cpu_bf16_linear_backward(od_device *device, float *dx, float *dw, float *db,
                                 const float *dy, const float *x, const float *w, int64_t rows,
                                 int64_t in, int64_t out, bool accumulate_dx);

#endif
