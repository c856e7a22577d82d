// SPDX-License-Identifier: Apache-2.0
// Norm, scaling and optimizers on flat buffers.
#include "core/backend/cpu/loops/loops.h"

double OD_LOOP(sum_of_squares)(const float *x, int64_t count) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

void OD_LOOP(scale)(float *x, float factor, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        x[i] *= factor;
    }
}

void OD_LOOP(adam)(float *p, float *m, float *v, const float *g, int64_t count,
                   const od_cpu_adam_factors *factors) {
    const od_cpu_adam_factors c = *factors;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float gi = g[i] + c.l2 * p[i];
        float mi = c.keep1 * m[i] + c.take1 * gi;
        float vi = c.keep2 * v[i] + c.take2 * gi * gi;
        m[i] = mi;
        v[i] = vi;
        p[i] = c.shrink * p[i] - c.rate * mi / (c.root * __builtin_sqrtf(vi) + c.eps);
    }
}

void OD_LOOP(sgd)(float *p, float *v, const float *g, int64_t count, float lr,
                  const float *momentum, float weight_decay) {
    if (momentum == NULL) {
#pragma omp simd
        for (int64_t i = 0; i < count; i++) {
            v[i] = g[i] + weight_decay * p[i];
            p[i] -= lr * v[i];
        }
        return;
    }
    const float keep = *momentum;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        v[i] = keep * v[i] + (g[i] + weight_decay * p[i]);
        p[i] -= lr * v[i];
    }
}
