// SPDX-License-Identifier: Apache-2.0
// Layer norm over the last axis.
#include "core/backend/ref/ref.h"

#include <assert.h>
#include <math.h>

void od_ref_layernorm_forward(od_device *device, float *y, float *mean, float *rstd, const float *x,
                              const float *gamma, const float *beta, int64_t rows, int64_t n,
                              float eps) {
    (void)device;
    assert((gamma == NULL) == (beta == NULL));
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += (double)x[r * n + i];
        }
        double center = sum / (double)n;
        double squares = 0;
        for (int64_t i = 0; i < n; i++) {
            double d = (double)x[r * n + i] - center;
            squares += d * d;
        }
        double scale = 1 / sqrt(squares / (double)n + (double)eps);
        for (int64_t i = 0; i < n; i++) {
            double h = ((double)x[r * n + i] - center) * scale;
            y[r * n + i] = (float)(gamma != NULL ? h * (double)gamma[i] + (double)beta[i] : h);
        }
        mean[r] = (float)center;
        rstd[r] = (float)scale;
    }
}

static void backward_row(float *dx, const float *dy, const float *x, double mean, double rstd,
                         const float *gamma, int64_t n, bool accumulate) {
    double sum_d = 0;
    double sum_dh = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)dy[i] * (gamma != NULL ? (double)gamma[i] : 1);
        double h = ((double)x[i] - mean) * rstd;
        sum_d += d;
        sum_dh += d * h;
    }
    for (int64_t i = 0; i < n; i++) {
        double d = (double)dy[i] * (gamma != NULL ? (double)gamma[i] : 1);
        double h = ((double)x[i] - mean) * rstd;
        double gradient = rstd * (d - sum_d / (double)n - h * sum_dh / (double)n);
        dx[i] = (float)((accumulate ? (double)dx[i] : 0) + gradient);
    }
}

static void backward_affine(float *dgamma, float *dbeta, const float *dy, const float *x,
                            const float *mean, const float *rstd, int64_t rows, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double sum_gamma = (double)dgamma[i];
        double sum_beta = (double)dbeta[i];
        for (int64_t r = 0; r < rows; r++) {
            double h = ((double)x[r * n + i] - (double)mean[r]) * (double)rstd[r];
            sum_gamma += (double)dy[r * n + i] * h;
            sum_beta += (double)dy[r * n + i];
        }
        dgamma[i] = (float)sum_gamma;
        dbeta[i] = (float)sum_beta;
    }
}

void od_ref_layernorm_backward(od_device *device, float *dx, float *dgamma, float *dbeta,
                               const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, int64_t rows, int64_t n,
                               bool accumulate_dx) {
    (void)device;
    for (int64_t r = 0; r < rows; r++) {
        backward_row(dx + r * n, dy + r * n, x + r * n, (double)mean[r], (double)rstd[r], gamma, n,
                     accumulate_dx);
    }
    if (gamma != NULL) {
        backward_affine(dgamma, dbeta, dy, x, mean, rstd, rows, n);
    }
}
