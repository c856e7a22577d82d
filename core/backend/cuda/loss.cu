// SPDX-License-Identifier: Apache-2.0
// Cross entropy with label smoothing, its gradient and the label's rank, and with soft targets; a
// warp a row.
#include "core/backend/cuda/launch.cuh"

typedef struct row_softmax {
    float largest, log_sum; // log p_c = logit_c - largest - log_sum
} row_softmax;

__device__ static row_softmax softmax_of_row(const float *logits, int64_t classes) {
    row_softmax row;
    float largest = -INFINITY;
    FOR_LANE(c, classes) {
        largest = fmaxf(largest, logits[c]);
    }
    row.largest = warp_max(largest);
    float sum = 0.0f;
    FOR_LANE(c, classes) {
        sum += expf(logits[c] - row.largest);
    }
    row.log_sum = logf(warp_sum(sum));
    return row;
}

__global__ static void cross_entropy_kernel(float *loss, int32_t *rank, float *dlogits,
                                            const float *logits, const int32_t *labels,
                                            int64_t rows, int64_t classes, float smoothing,
                                            float scale) {
    FOR_ROWS(row, rows) {
        const float *values = logits + row * classes;
        row_softmax softmax = softmax_of_row(values, classes);
        int32_t label = labels[row];
        float own = values[label];
        float share = smoothing / (float)classes;
        float surprise = 0.0f; // sum over c of -log p_c
        float before = 0.0f;   // classes that come before the label
        FOR_LANE(c, classes) {
            float log_p = values[c] - softmax.largest - softmax.log_sum;
            surprise -= log_p;
            before += values[c] > own || (values[c] == own && c < label) ? 1.0f : 0.0f;
            if (dlogits != NULL) {
                float target = (c == label ? 1.0f - smoothing : 0.0f) + share;
                dlogits[row * classes + c] = (expf(log_p) - target) * scale;
            }
        }
        surprise = warp_sum(surprise);
        before = warp_sum(before);
        if (threadIdx.x % WARP == 0) {
            float own_loss = softmax.largest + softmax.log_sum - own;
            loss[row] = (1.0f - smoothing) * own_loss + share * surprise;
            rank[row] = (int32_t)before;
        }
    }
}

void od_cuda_cross_entropy(od_device *device, float *loss, int32_t *rank, float *dlogits,
                           const float *logits, const int32_t *labels, int64_t rows,
                           int64_t classes, float smoothing, float scale) {
    OD_RUN(cross_entropy_kernel, blocks_for_rows(rows), device, loss, rank, dlogits, logits,
           labels, rows, classes, smoothing, scale);
}

__global__ static void cross_entropy_soft_kernel(float *loss, float *dlogits, const float *logits,
                                                 const float *targets, int64_t rows,
                                                 int64_t classes, float scale) {
    FOR_ROWS(row, rows) {
        const float *values = logits + row * classes;
        const float *target = targets + row * classes;
        row_softmax softmax = softmax_of_row(values, classes);
        float surprise = 0.0f, share = 0.0f;
        FOR_LANE(c, classes) {
            surprise -= target[c] * (values[c] - softmax.largest - softmax.log_sum);
            share += target[c];
        }
        surprise = warp_sum(surprise);
        share = warp_sum(share);
        if (dlogits != NULL) {
            FOR_LANE(c, classes) {
                float p = expf(values[c] - softmax.largest - softmax.log_sum);
                dlogits[row * classes + c] = (p * share - target[c]) * scale;
            }
        }
        if (threadIdx.x % WARP == 0) {
            loss[row] = surprise;
        }
    }
}

void od_cuda_cross_entropy_soft(od_device *device, float *loss, float *dlogits,
                                const float *logits, const float *targets, int64_t rows,
                                int64_t classes, float scale) {
    OD_RUN(cross_entropy_soft_kernel, blocks_for_rows(rows), device, loss, dlogits, logits,
           targets, rows, classes, scale);
}
