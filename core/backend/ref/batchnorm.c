// SPDX-License-Identifier: Apache-2.0
// Batch norm over the rows, with an optional ReLU behind it.
#include "core/backend/ref/ref.h"

#include <math.h>

static float finish(double value, bool relu) {
    return (float)(relu && value < 0 ? 0 : value);
}

static double moved(float running, double now, float momentum) {
    return (1 - (double)momentum) * (double)running + (double)momentum * now;
}

void od_ref_batchnorm_forward(od_device *device, float *y, float *mean, float *rstd,
                              float *running_mean, float *running_var, const float *x,
                              const float *gamma, const float *beta, const od_batchnorm *norm) {
    (void)device;
    const int64_t rows = norm->rows, n = norm->n;
    for (int64_t c = 0; c < n; c++) {
        double sum = 0, squares = 0;
        for (int64_t r = 0; r < rows; r++) {
            sum += (double)x[r * n + c];
        }
        const double center = sum / (double)rows;
        for (int64_t r = 0; r < rows; r++) {
            squares += pow((double)x[r * n + c] - center, 2);
        }
        const double scale = 1 / sqrt(squares / (double)rows + (double)norm->eps);
        for (int64_t r = 0; r < rows; r++) {
            const double h = ((double)x[r * n + c] - center) * scale;
            y[r * n + c] = finish(h * (double)gamma[c] + (double)beta[c], norm->relu);
        }
        mean[c] = (float)center;
        rstd[c] = (float)scale;
        if (running_mean != NULL) {
            const double unbiased = squares / (double)(rows > 1 ? rows - 1 : 1);
            running_mean[c] = (float)moved(running_mean[c], center, norm->momentum);
            running_var[c] = (float)moved(running_var[c], unbiased, norm->momentum);
        }
    }
}

void od_ref_batchnorm_evaluate(od_device *device, float *y, const float *x,
                               const float *running_mean, const float *running_var,
                               const float *gamma, const float *beta, const od_batchnorm *norm) {
    (void)device;
    for (int64_t i = 0; i < norm->rows * norm->n; i++) {
        const int64_t c = i % norm->n;
        const double scale = 1 / sqrt((double)running_var[c] + (double)norm->eps);
        const double h = ((double)x[i] - (double)running_mean[c]) * scale;
        y[i] = finish(h * (double)gamma[c] + (double)beta[c], norm->relu);
    }
}

// One value with what its channel has in common.
typedef struct channel {
    double mean, rstd, gamma, beta;
    bool relu;
} channel;

static double normalized(const channel *c, float x) {
    return ((double)x - c->mean) * c->rstd;
}

// The gradient of what the ReLU reads.
static double passed(const channel *c, float dy, float x) {
    return c->relu && !(normalized(c, x) * c->gamma + c->beta > 0) ? 0 : (double)dy;
}

void od_ref_batchnorm_backward(od_device *device, float *dx, float *dgamma, float *dbeta,
                               const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, const float *beta,
                               const od_batchnorm *norm, bool accumulate_dx) {
    (void)device;
    const int64_t n = norm->n;
    for (int64_t c = 0; c < n; c++) {
        const channel one = {(double)mean[c], (double)rstd[c], (double)gamma[c], (double)beta[c],
                             norm->relu};
        double sum_d = 0, sum_dh = 0;
        for (int64_t i = c; i < norm->rows * n; i += n) {
            sum_d += passed(&one, dy[i], x[i]);
            sum_dh += passed(&one, dy[i], x[i]) * normalized(&one, x[i]);
        }
        for (int64_t i = c; i < norm->rows * n; i += n) {
            const double centered = passed(&one, dy[i], x[i]) -
                                    (sum_d + normalized(&one, x[i]) * sum_dh) / (double)norm->rows;
            const double gradient = one.gamma * one.rstd * centered;
            dx[i] = (float)((accumulate_dx ? (double)dx[i] : 0) + gradient);
        }
        dgamma[c] = (float)((double)dgamma[c] + sum_dh);
        dbeta[c] = (float)((double)dbeta[c] + sum_d);
    }
}
