// SPDX-License-Identifier: Apache-2.0
// Images to patches, patches to tokens, and the class token out again.
#include "core/backend/cuda/launch.cuh"

__global__ static void patchify_kernel(float *patches, const float *images, int64_t count,
                                       int64_t height, int64_t width, int64_t channels,
                                       int64_t patch) {
    int64_t across = width / patch;
    int64_t values = channels * patch * patch;
    int64_t per_image = (height / patch) * across;
    FOR_ITEMS(i, count) {
        int64_t value = i % values;
        int64_t place = i / values;
        int64_t column = value % patch + place % across * patch;
        int64_t row = value / patch % patch + place % per_image / across * patch;
        int64_t channel = value / (patch * patch);
        int64_t sample = place / per_image;
        patches[i] = images[((sample * height + row) * width + column) * channels + channel];
    }
}

__global__ static void embed_forward_kernel(float *y, const float *x, const float *cls,
                                            const float *pos, int64_t count, int64_t tokens,
                                            int64_t n) {
    FOR_ITEMS(i, count) {
        int64_t column = i % n;
        int64_t token = i / n % (tokens + 1);
        int64_t sample = i / n / (tokens + 1);
        y[i] = token == 0 ? cls[column]
                          : x[(sample * tokens + token - 1) * n + column] +
                                pos[(token - 1) * n + column];
    }
}

__global__ static void embed_dx_kernel(float *dx, const float *dy, int64_t count, int64_t tokens,
                                       int64_t n) {
    FOR_ITEMS(i, count) {
        int64_t sample = i / (tokens * n);
        dx[i] = dy[i + (sample + 1) * n];
    }
}

// One thread a parameter: token 0 is the class token, the others have positions.
__global__ static void embed_parameters_kernel(float *dcls, float *dpos, const float *dy,
                                               int64_t batch, int64_t tokens, int64_t n) {
    FOR_ITEMS(i, (tokens + 1) * n) {
        float sum = 0.0f;
        for (int64_t sample = 0; sample < batch; sample++) {
            sum += dy[sample * (tokens + 1) * n + i];
        }
        if (i < n) {
            dcls[i] += sum;
        } else {
            dpos[i - n] += sum;
        }
    }
}

__global__ static void first_forward_kernel(float *y, const float *x, int64_t count,
                                            int64_t tokens, int64_t n) {
    FOR_ITEMS(i, count) {
        y[i] = x[i / n * tokens * n + i % n];
    }
}

__global__ static void first_backward_kernel(float *dx, const float *dy, int64_t count,
                                             int64_t tokens, int64_t n, bool accumulate) {
    FOR_ITEMS(i, count) {
        bool first = i / n % tokens == 0;
        float value = first ? dy[i / (tokens * n) * n + i % n] : 0.0f;
        dx[i] = accumulate ? dx[i] + value : value;
    }
}

void od_cuda_patchify(od_device *device, float *patches, const float *images, int64_t batch,
                      int64_t height, int64_t width, int64_t channels, int64_t patch) {
    int64_t count = batch * height * width * channels;
    OD_RUN(patchify_kernel, blocks_for_items(count), device, patches, images, count, height, width,
           channels, patch);
}

void od_cuda_embed_tokens_forward(od_device *device, float *y, const float *x, const float *cls,
                                  const float *pos, int64_t batch, int64_t tokens, int64_t n) {
    int64_t count = batch * (tokens + 1) * n;
    OD_RUN(embed_forward_kernel, blocks_for_items(count), device, y, x, cls, pos, count, tokens,
           n);
}

void od_cuda_embed_tokens_backward(od_device *device, float *dx, float *dcls, float *dpos,
                                   const float *dy, int64_t batch, int64_t tokens, int64_t n) {
    int64_t count = batch * tokens * n;
    OD_RUN(embed_dx_kernel, blocks_for_items(count), device, dx, dy, count, tokens, n);
    OD_RUN(embed_parameters_kernel, blocks_for_items((tokens + 1) * n), device, dcls, dpos, dy,
           batch, tokens, n);
}

void od_cuda_first_token_forward(od_device *device, float *y, const float *x, int64_t batch,
                                 int64_t tokens, int64_t n) {
    OD_RUN(first_forward_kernel, blocks_for_items(batch * n), device, y, x, batch * n, tokens, n);
}

void od_cuda_first_token_backward(od_device *device, float *dx, const float *dy, int64_t batch,
                                  int64_t tokens, int64_t n, bool accumulate_dx) {
    int64_t count = batch * tokens * n;
    OD_RUN(first_backward_kernel, blocks_for_items(count), device, dx, dy, count, tokens, n,
           accumulate_dx);
}
