// SPDX-License-Identifier: Apache-2.0
// Between images and token streams.
#include "core/backend/ref/ref.h"

void od_ref_patchify(od_device *device, float *patches, const float *images, int64_t batch,
                     int64_t height, int64_t width, int64_t channels, int64_t patch) {
    (void)device;
    int64_t down = height / patch;
    int64_t across = width / patch;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t r = 0; r < down * patch; r++) {
            for (int64_t c = 0; c < across * patch; c++) {
                for (int64_t k = 0; k < channels; k++) {
                    int64_t row = (b * down + r / patch) * across + c / patch;
                    int64_t column = (k * patch + r % patch) * patch + c % patch;
                    patches[row * channels * patch * patch + column] =
                        images[((b * height + r) * width + c) * channels + k];
                }
            }
        }
    }
}

void od_ref_embed_tokens_forward(od_device *device, float *y, const float *x, const float *cls,
                                 const float *pos, int64_t batch, int64_t tokens, int64_t n) {
    (void)device;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t i = 0; i < n; i++) {
            y[b * (tokens + 1) * n + i] = cls[i];
        }
        for (int64_t t = 0; t < tokens; t++) {
            for (int64_t i = 0; i < n; i++) {
                y[(b * (tokens + 1) + 1 + t) * n + i] =
                    x[(b * tokens + t) * n + i] + pos[t * n + i];
            }
        }
    }
}

void od_ref_embed_tokens_backward(od_device *device, float *dx, float *dcls, float *dpos,
                                  const float *dy, int64_t batch, int64_t tokens, int64_t n) {
    (void)device;
    for (int64_t i = 0; i < n; i++) {
        double sum = (double)dcls[i];
        for (int64_t b = 0; b < batch; b++) {
            sum += (double)dy[b * (tokens + 1) * n + i];
        }
        dcls[i] = (float)sum;
    }
    for (int64_t t = 0; t < tokens; t++) {
        for (int64_t i = 0; i < n; i++) {
            double sum = (double)dpos[t * n + i];
            for (int64_t b = 0; b < batch; b++) {
                float d = dy[(b * (tokens + 1) + 1 + t) * n + i];
                dx[(b * tokens + t) * n + i] = d;
                sum += (double)d;
            }
            dpos[t * n + i] = (float)sum;
        }
    }
}

void od_ref_first_token_forward(od_device *device, float *y, const float *x, int64_t batch,
                                int64_t tokens, int64_t n) {
    (void)device;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t i = 0; i < n; i++) {
            y[b * n + i] = x[b * tokens * n + i];
        }
    }
}

void od_ref_first_token_backward(od_device *device, float *dx, const float *dy, int64_t batch,
                                 int64_t tokens, int64_t n, bool accumulate_dx) {
    (void)device;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t i = 0; i < tokens * n; i++) {
            float d = i < n ? dy[b * n + i] : 0;
            float *to = &dx[b * tokens * n + i];
            *to = accumulate_dx ? *to + d : d;
        }
    }
}
