// SPDX-License-Identifier: Apache-2.0
// Layer norm, row by row. The variance is taken around the mean, in a second pass over a row that
// is still in the first-level cache.
#include "core/backend/cpu/loops/layernorm.h"

void OD_LOOP(layernorm_forward)(float *y, float *mean, float *rstd, const float *x,
                                const float *gamma, const float *beta, int64_t rows, int64_t n,
                                float eps) {
    for (int64_t r = 0; r < rows; r++) {
        vec sum = {0};
        for (int64_t i = 0; i < n; i += LANES) {
            sum += vec_load_upto(x + r * n + i, n - i);
        }
        float center = vec_sum(sum) / (float)n;
        normalize_row(y + r * n, &mean[r], &rstd[r], x + r * n, center, n, eps);
        if (gamma != NULL) {
            float *row = y + r * n;
#pragma omp simd
            for (int64_t i = 0; i < n; i++) {
                row[i] = row[i] * gamma[i] + beta[i];
            }
        }
    }
}

INLINE vec gradient_of_h(const float *dy, const float *gamma, int64_t i, int64_t n) {
    vec d = vec_load_upto(dy + i, n - i);
    return gamma != NULL ? d * vec_load_upto(gamma + i, n - i) : d;
}

static void backward_row(float *dx, const float *dy, const float *x, float mean, float rstd,
                         const float *gamma, int64_t n, bool accumulate) {
    vec sum_d = {0};
    vec sum_dx = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        vec d = gradient_of_h(dy, gamma, i, n); // zeros behind the end of the row
        sum_d += d;
        sum_dx += d * (vec_load_upto(x + i, n - i) - mean);
    }
    float mean_d = vec_sum(sum_d) / (float)n;
    float slope = vec_sum(sum_dx) * rstd * rstd / (float)n; // mean_n(d h) rstd
    for (int64_t i = 0; i < n; i += LANES) {
        vec d = gradient_of_h(dy, gamma, i, n);
        vec centered = vec_load_upto(x + i, n - i) - mean;
        vec out = (d - mean_d - centered * slope) * rstd;
        if (accumulate) {
            out += vec_load_upto(dx + i, n - i);
        }
        vec_store_upto(dx + i, out, n - i);
    }
}

void OD_LOOP(layernorm_backward)(float *dx, const float *dy, const float *x, const float *mean,
                                 const float *rstd, const float *gamma, int64_t rows, int64_t n,
                                 bool accumulate_dx) {
    for (int64_t r = 0; r < rows; r++) {
        backward_row(dx + r * n, dy + r * n, x + r * n, mean[r], rstd[r], gamma, n, accumulate_dx);
    }
}

void OD_LOOP(layernorm_affine)(float *dgamma, float *dbeta, const float *dy, const float *x,
                               const float *mean, const float *rstd, int64_t rows, int64_t n,
                               int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += LANES) {
        vec sum_gamma = {0};
        vec sum_beta = {0};
        for (int64_t r = 0; r < rows; r++) {
            vec d = vec_load_upto(dy + r * n + i, end - i);
            vec h = (vec_load_upto(x + r * n + i, end - i) - mean[r]) * rstd[r];
            sum_gamma += d * h;
            sum_beta += d;
        }
        vec_store_upto(dgamma + i, vec_load_upto(dgamma + i, end - i) + sum_gamma, end - i);
        vec_store_upto(dbeta + i, vec_load_upto(dbeta + i, end - i) + sum_beta, end - i);
    }
}
