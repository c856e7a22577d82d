// SPDX-License-Identifier: Apache-2.0
// Convolutions, by what the device multiplies matrices with, and average pools.
#include "core/backend/cpu/conv.h"

#include <string.h>

bool od_cpu_conv_is_by_loops(const od_device *device) {
    const od_cpu_blas *blas = device->blas;
    return device->precision == OD_PRECISION_BF16 &&
           (blas->conv_has_bf16 == NULL || !blas->conv_has_bf16());
}

void od_cpu_conv2d_forward(od_device *device, float *y, const float *x, const float *w,
                           const float *b, const od_conv2d *conv) {
    if (od_cpu_conv_is_by_loops(device)) {
        od_cpu_bf16_conv_forward(device, y, x, w, b, conv);
    } else {
        device->blas->conv_forward(device, y, x, w, b, conv);
    }
}

void od_cpu_conv2d_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                            const float *x, const float *w, const od_conv2d *conv) {
    if (od_cpu_conv_is_by_loops(device)) {
        od_cpu_bf16_conv_backward(device, dx, dw, db, dy, x, w, conv);
    } else {
        device->blas->conv_backward(device, dx, dw, db, dy, x, w, conv);
    }
}

void od_cpu_avgpool_forward(od_device *device, float *y, const float *x, int64_t batch,
                            int64_t positions, int64_t n) {
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share my = od_cpu_my_share(batch, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            memset(y + b * n, 0, (size_t)n * sizeof *y);
            device->loops->add_column_sums(y + b * n, x + b * positions * n, positions, n, n);
            device->loops->scale(y + b * n, 1.0f / (float)positions, n);
        }
    }
}

void od_cpu_avgpool_backward(od_device *device, float *dx, const float *dy, int64_t batch,
                             int64_t positions, int64_t n) {
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share my = od_cpu_my_share(batch, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            float *first = dx + b * positions * n;
            memcpy(first, dy + b * n, (size_t)n * sizeof *dx);
            device->loops->scale(first, 1.0f / (float)positions, n);
            for (int64_t t = 1; t < positions; t++) {
                memcpy(first + t * n, first, (size_t)n * sizeof *dx);
            }
        }
    }
}
