// SPDX-License-Identifier: Apache-2.0
// Values one by one, and column sums.
// GELU by tanh is x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): one exp, no cancellation.
#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

#define TWO_SQRT_2_OVER_PI 1.5957691216057308f
#define CUBIC 0.044715f

void OD_LOOP(add)(float *y, const float *a, const float *b, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        y[i] = a[i] + b[i];
    }
}

void OD_LOOP(add_bias)(float *y, const float *b, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++) {
        float *row = y + r * n;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            row[i] += b[i];
        }
    }
}

// Columns go down in strips of four vectors, whose sums stay in registers.
void OD_LOOP(add_column_sums)(float *sum, const float *x, int64_t rows, int64_t n, int64_t stride) {
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        for (int64_t r = 0; r < rows; r++) {
            const float *row = x + r * stride + i;
            s0 += vec_load(row);
            s1 += vec_load(row + LANES);
            s2 += vec_load(row + 2 * LANES);
            s3 += vec_load(row + 3 * LANES);
        }
        vec_store(sum + i, vec_load(sum + i) + s0);
        vec_store(sum + i + LANES, vec_load(sum + i + LANES) + s1);
        vec_store(sum + i + 2 * LANES, vec_load(sum + i + 2 * LANES) + s2);
        vec_store(sum + i + 3 * LANES, vec_load(sum + i + 3 * LANES) + s3);
    }
    for (; i < n; i += LANES) {
        vec s = {0};
        for (int64_t r = 0; r < rows; r++) {
            s += vec_load_upto(x + r * stride + i, n - i);
        }
        vec_store_upto(sum + i, vec_load_upto(sum + i, n - i) + s, n - i);
    }
}

// exp(-2u), bounded so that its inverse is no subnormal number, which would be slow.
INLINE vec exp_minus_2u(vec x) {
    vec minus_2u = (x + x * x * x * CUBIC) * -TWO_SQRT_2_OVER_PI;
    return vec_exp(vec_min(vec_all(80.0f), minus_2u));
}

void OD_LOOP(gelu_forward)(float *y, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        vec v = vec_load_upto(x + i, count - i);
        vec_store_upto(y + i, v / (exp_minus_2u(v) + 1.0f), count - i);
    }
}

// gelu' = s + x s (1 - s) 2u', s = sigmoid(2u), 1 - s = exp(-2u) s.
void OD_LOOP(gelu_backward)(float *dx, const float *dy, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        vec v = vec_load_upto(x + i, count - i);
        vec e = exp_minus_2u(v);
        vec s = 1.0f / (e + 1.0f);
        vec two_du = v * v * (3.0f * CUBIC * TWO_SQRT_2_OVER_PI) + TWO_SQRT_2_OVER_PI;
        vec slope = s + v * s * (e * s) * two_du;
        vec_store_upto(dx + i, vec_load_upto(dy + i, count - i) * slope, count - i);
    }
}
