// SPDX-License-Identifier: Apache-2.0
// Between images and token streams: copies, shared among threads by batch element.
#include "core/backend/cpu/cpu.h"

#include <string.h>

static size_t bytes_of(int64_t floats) {
    return (size_t)floats * sizeof(float);
}

// One patch: [channels, size, size] from the image's corner of it; stride: values in an image row.
static void copy_patch(float *to, const float *corner, int64_t stride, int64_t channels,
                       int64_t size) {
    for (int64_t k = 0; k < channels; k++) {
        for (int64_t r = 0; r < size; r++) {
            for (int64_t c = 0; c < size; c++) {
                *to++ = corner[r * stride + c * channels + k];
            }
        }
    }
}

void od_cpu_patchify(od_device *device, float *patches, const float *images, int64_t batch,
                     int64_t height, int64_t width, int64_t channels, int64_t patch) {
    int64_t down = height / patch;
    int64_t across = width / patch;
    int64_t stride = width * channels;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(batch * down, 1);
        for (int64_t r = my.begin; r < my.end; r++) { // a row of patches
            const float *band = images + (r / down * height + r % down * patch) * stride;
            for (int64_t c = 0; c < across; c++) {
                copy_patch(patches + (r * across + c) * channels * patch * patch,
                           band + c * patch * channels, stride, channels, patch);
            }
        }
    }
}

void od_cpu_embed_tokens_forward(od_device *device, float *y, const float *x, const float *cls,
                                 const float *pos, int64_t batch, int64_t tokens, int64_t n) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(batch, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            float *to = y + b * (tokens + 1) * n;
            memcpy(to, cls, bytes_of(n));
            device->loops->add(to + n, x + b * tokens * n, pos, tokens * n);
        }
    }
}

void od_cpu_embed_tokens_backward(od_device *device, float *dx, float *dcls, float *dpos,
                                  const float *dy, int64_t batch, int64_t tokens, int64_t n) {
    int64_t stride = (tokens + 1) * n;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(batch, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            memcpy(dx + b * tokens * n, dy + b * stride + n, bytes_of(tokens * n));
        }
        od_cpu_share columns = od_cpu_my_share(n, 1);
        device->loops->add_column_sums(dcls + columns.begin, dy + columns.begin, batch,
                                       columns.end - columns.begin, stride);
        columns = od_cpu_my_share(tokens * n, 1);
        device->loops->add_column_sums(dpos + columns.begin, dy + n + columns.begin, batch,
                                       columns.end - columns.begin, stride);
    }
}

void od_cpu_first_token_forward(od_device *device, float *y, const float *x, int64_t batch,
                                int64_t tokens, int64_t n) {
    (void)device; // too little for threads
    for (int64_t b = 0; b < batch; b++) {
        memcpy(y + b * n, x + b * tokens * n, bytes_of(n));
    }
}

void od_cpu_first_token_backward(od_device *device, float *dx, const float *dy, int64_t batch,
                                 int64_t tokens, int64_t n, bool accumulate_dx) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(batch, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            float *to = dx + b * tokens * n;
            if (accumulate_dx) {
                device->loops->add(to, to, dy + b * n, n);
            } else {
                memcpy(to, dy + b * n, bytes_of(n));
                memset(to + n, 0, bytes_of((tokens - 1) * n));
            }
        }
    }
}
