// SPDX-License-Identifier: Apache-2.0
// The kernels that treat values or rows one by one: each thread takes its share of them.
#include "core/backend/cpu/cpu.h"

enum { VALUES = 64 }; // shares of single values are multiples of some cache lines

void od_cpu_gelu_forward(od_device *device, float *y, const float *x, int64_t count) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(count, VALUES);
        device->loops->gelu_forward(y + my.begin, x + my.begin, my.end - my.begin);
    }
}

void od_cpu_gelu_backward(od_device *device, float *dx, const float *dy, const float *x,
                          int64_t count) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(count, VALUES);
        device->loops->gelu_backward(dx + my.begin, dy + my.begin, x + my.begin, my.end - my.begin);
    }
}

void od_cpu_layernorm_forward(od_device *device, float *y, float *mean, float *rstd, const float *x,
                              const float *gamma, const float *beta, int64_t rows, int64_t n,
                              float eps) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(rows, 1);
        device->loops->layernorm_forward(y + my.begin * n, mean + my.begin, rstd + my.begin,
                                         x + my.begin * n, gamma, beta, my.end - my.begin, n, eps);
    }
}

void od_cpu_layernorm_backward(od_device *device, float *dx, float *dgamma, float *dbeta,
                               const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, int64_t rows, int64_t n,
                               bool accumulate_dx) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(rows, 1);
        device->loops->layernorm_backward(dx + my.begin * n, dy + my.begin * n, x + my.begin * n,
                                          mean + my.begin, rstd + my.begin, gamma,
                                          my.end - my.begin, n, accumulate_dx);
        if (gamma != NULL) {
            od_cpu_share columns = od_cpu_my_share(n, 1);
            device->loops->layernorm_affine(dgamma, dbeta, dy, x, mean, rstd, rows, n,
                                            columns.begin, columns.end);
        }
    }
}

void od_cpu_cross_entropy(od_device *device, float *loss, int32_t *rank, float *dlogits,
                          const float *logits, const int32_t *labels, int64_t rows, int64_t classes,
                          float smoothing, float scale) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(rows, 1);
        for (int64_t r = my.begin; r < my.end; r++) {
            device->loops->cross_entropy_row(
                &loss[r], &rank[r], dlogits != NULL ? dlogits + r * classes : NULL,
                logits + r * classes, labels[r], classes, smoothing, scale);
        }
    }
}

void od_cpu_cross_entropy_soft(od_device *device, float *loss, float *dlogits, const float *logits,
                               const float *targets, int64_t rows, int64_t classes, float scale) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(rows, 1);
        for (int64_t r = my.begin; r < my.end; r++) {
            device->loops->cross_entropy_soft_row(
                &loss[r], dlogits != NULL ? dlogits + r * classes : NULL, logits + r * classes,
                targets + r * classes, classes, scale);
        }
    }
}
