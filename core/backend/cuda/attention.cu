// SPDX-License-Identifier: Apache-2.0
// Softmax attention, a warp for each (sample, head, token). The layout of qkv is
// [batch, tokens, 3, heads, head_dim]; p and ds are [batch, heads, tokens, tokens].
#include "core/backend/cuda/launch.cuh"

typedef struct attention_shape {
    int64_t batch, tokens, heads, head_dim;
} attention_shape;

// The row (sample, head, token) that a warp's row number stands for.
typedef struct attention_row {
    int64_t sample, head, token;
} attention_row;

__device__ static attention_row attention_row_of(attention_shape shape, int64_t row) {
    attention_row at;
    at.token = row % shape.tokens;
    at.head = row / shape.tokens % shape.heads;
    at.sample = row / shape.tokens / shape.heads;
    return at;
}

// Where the head_dim values of q (part 0), k (1) or v (2) begin.
__device__ static int64_t qkv_at(attention_shape shape, attention_row at, int64_t token, int part) {
    int64_t position = (at.sample * shape.tokens + token) * 3 + part;
    return (position * shape.heads + at.head) * shape.head_dim;
}

__device__ static int64_t out_at(attention_shape shape, attention_row at, int64_t token) {
    return ((at.sample * shape.tokens + token) * shape.heads + at.head) * shape.head_dim;
}

// fmaf: scores are exponents next, so their absolute rounding is what p inherits.
__device__ static float dot(const float *a, const float *b, int64_t n) {
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        sum = fmaf(a[i], b[i], sum);
    }
    return sum;
}

__global__ static void attention_scores_kernel(float *p, const float *qkv, attention_shape shape,
                                               float scale) {
    FOR_ROWS(row, shape.batch * shape.heads * shape.tokens) {
        attention_row at = attention_row_of(shape, row);
        const float *q = qkv + qkv_at(shape, at, at.token, 0);
        float *p_row = p + row * shape.tokens;
        float largest = -INFINITY;
        FOR_LANE(j, shape.tokens) {
            p_row[j] = scale * dot(q, qkv + qkv_at(shape, at, j, 1), shape.head_dim);
            largest = fmaxf(largest, p_row[j]);
        }
        largest = warp_max(largest);
        float sum = 0.0f;
        FOR_LANE(j, shape.tokens) {
            p_row[j] = expf(p_row[j] - largest);
            sum += p_row[j];
        }
        float inverse = 1.0f / warp_sum(sum);
        FOR_LANE(j, shape.tokens) {
            p_row[j] *= inverse;
        }
    }
}

__global__ static void attention_values_kernel(float *out, const float *p, const float *qkv,
                                               attention_shape shape) {
    FOR_ROWS(row, shape.batch * shape.heads * shape.tokens) {
        attention_row at = attention_row_of(shape, row);
        float *out_row = out + out_at(shape, at, at.token);
        FOR_LANE(d, shape.head_dim) {
            float sum = 0.0f;
            for (int64_t j = 0; j < shape.tokens; j++) {
                sum = fmaf(p[row * shape.tokens + j], qkv[qkv_at(shape, at, j, 2) + d], sum);
            }
            out_row[d] = sum;
        }
    }
}

// ds = p (dp - rowsum(dp p)), dp = dout v^T, of the query token's row.
__global__ static void attention_ds_kernel(float *ds, const float *dout, const float *p,
                                           const float *qkv, attention_shape shape) {
    FOR_ROWS(row, shape.batch * shape.heads * shape.tokens) {
        attention_row at = attention_row_of(shape, row);
        const float *dout_row = dout + out_at(shape, at, at.token);
        const float *p_row = p + row * shape.tokens;
        float *ds_row = ds + row * shape.tokens;
        float sum = 0.0f;
        FOR_LANE(j, shape.tokens) {
            ds_row[j] = dot(dout_row, qkv + qkv_at(shape, at, j, 2), shape.head_dim);
            sum = fmaf(ds_row[j], p_row[j], sum);
        }
        sum = warp_sum(sum);
        FOR_LANE(j, shape.tokens) {
            ds_row[j] = p_row[j] * (ds_row[j] - sum);
        }
    }
}

// The row's token as a query gives dq, as a key and value dk and dv.
__global__ static void attention_dqkv_kernel(float *dqkv, const float *ds, const float *dout,
                                             const float *p, const float *qkv,
                                             attention_shape shape, float scale) {
    FOR_ROWS(row, shape.batch * shape.heads * shape.tokens) {
        attention_row at = attention_row_of(shape, row);
        int64_t square = (row - at.token) * shape.tokens; // this sample's and head's matrix
        FOR_LANE(d, shape.head_dim) {
            float dq = 0.0f;
            float dk = 0.0f;
            float dv = 0.0f;
            for (int64_t j = 0; j < shape.tokens; j++) {
                float as_query = ds[square + at.token * shape.tokens + j];
                float as_key = ds[square + j * shape.tokens + at.token];
                dq = fmaf(as_query, qkv[qkv_at(shape, at, j, 1) + d], dq);
                dk = fmaf(as_key, qkv[qkv_at(shape, at, j, 0) + d], dk);
                dv += p[square + j * shape.tokens + at.token] * dout[out_at(shape, at, j) + d];
            }
            dqkv[qkv_at(shape, at, at.token, 0) + d] = scale * dq;
            dqkv[qkv_at(shape, at, at.token, 1) + d] = scale * dk;
            dqkv[qkv_at(shape, at, at.token, 2) + d] = dv;
        }
    }
}

void od_cuda_attention_forward(od_device *device, float *out, float *p, const float *qkv,
                               int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim) {
    attention_shape shape = {batch, tokens, heads, head_dim};
    float scale = 1.0f / sqrtf((float)head_dim);
    unsigned blocks = blocks_for_rows(batch * heads * tokens);
    OD_RUN(attention_scores_kernel, blocks, device, p, qkv, shape, scale);
    OD_RUN(attention_values_kernel, blocks, device, out, p, qkv, shape);
}

void od_cuda_attention_backward(od_device *device, float *dqkv, const float *dout,
                                const float *qkv, const float *p, int64_t batch, int64_t tokens,
                                int64_t heads, int64_t head_dim) {
    attention_shape shape = {batch, tokens, heads, head_dim};
    float scale = 1.0f / sqrtf((float)head_dim);
    int64_t rows = batch * heads * tokens;
    float *ds = (float *)od_cuda_scratch(device, (size_t)(rows * tokens) * sizeof(float));
    OD_RUN(attention_ds_kernel, blocks_for_rows(rows), device, ds, dout, p, qkv, shape);
    OD_RUN(attention_dqkv_kernel, blocks_for_rows(rows), device, dqkv, ds, dout, p, qkv, shape,
           scale);
}
