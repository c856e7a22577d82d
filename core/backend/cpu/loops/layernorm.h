// SPDX-License-Identifier: Apache-2.0
// The second half of a layer norm, which layer norm itself and the connection before it share.
#ifndef OD_CORE_BACKEND_CPU_LOOPS_LAYERNORM_H
#define OD_CORE_BACKEND_CPU_LOOPS_LAYERNORM_H

#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

// y = (x - center) rstd, rstd = 1/sqrt(mean((x - center)^2) + eps), for one row.
INLINE void normalize_row(float *y, float *mean, float *rstd, const float *x, float center,
                          int64_t n, float eps) {
    vec squares = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vec d = vec_keep_upto(vec_load_upto(x + i, n - i) - center, (vec){0}, n - i);
        squares += d * d;
    }
    float scale = 1.0f / __builtin_sqrtf(vec_sum(squares) / (float)n + eps);
    for (int64_t i = 0; i < n; i += LANES) {
        vec_store_upto(y + i, (vec_load_upto(x + i, n - i) - center) * scale, n - i);
    }
    *mean = center;
    *rstd = scale;
}

#endif
