// SPDX-License-Identifier: Apache-2.0
// Softmax attention. The index functions name the layouts of backend.h; everything else is the
// formula for one batch element and head.
#include "core/backend/ref/ref.h"

#include <math.h>

typedef struct shape {
    const od_device *device;
    int64_t tokens, heads, head_dim;
} shape;

// What a product reads of x.
static double of(shape s, float x) {
    return od_ref_operand(s.device, x);
}

enum part { Q, K, V };

static int64_t at_qkv(shape s, int64_t b, int64_t token, enum part part, int64_t head, int64_t d) {
    return (((b * s.tokens + token) * 3 + part) * s.heads + head) * s.head_dim + d;
}

static int64_t at_out(shape s, int64_t b, int64_t token, int64_t head, int64_t d) {
    return ((b * s.tokens + token) * s.heads + head) * s.head_dim + d;
}

static int64_t at_p(shape s, int64_t b, int64_t head, int64_t i, int64_t j) {
    return ((b * s.heads + head) * s.tokens + i) * s.tokens + j;
}

// q_i k_j / sqrt(head_dim)
static double score(shape s, const float *qkv, int64_t b, int64_t head, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t d = 0; d < s.head_dim; d++) {
        sum += of(s, qkv[at_qkv(s, b, i, Q, head, d)]) * of(s, qkv[at_qkv(s, b, j, K, head, d)]);
    }
    return sum / sqrt((double)s.head_dim);
}

static void softmax_row(shape s, float *p, const float *qkv, int64_t b, int64_t head, int64_t i) {
    double largest = -INFINITY;
    for (int64_t j = 0; j < s.tokens; j++) {
        largest = fmax(largest, score(s, qkv, b, head, i, j));
    }
    double sum = 0;
    for (int64_t j = 0; j < s.tokens; j++) {
        sum += exp(score(s, qkv, b, head, i, j) - largest);
    }
    for (int64_t j = 0; j < s.tokens; j++) {
        p[at_p(s, b, head, i, j)] = (float)(exp(score(s, qkv, b, head, i, j) - largest) / sum);
    }
}

void od_ref_attention_forward(od_device *device, float *out, float *p, const float *qkv,
                              int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim) {
    shape s = {device, tokens, heads, head_dim};
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t h = 0; h < heads; h++) {
            for (int64_t i = 0; i < tokens; i++) {
                softmax_row(s, p, qkv, b, h, i);
                for (int64_t d = 0; d < head_dim; d++) {
                    double sum = 0;
                    for (int64_t j = 0; j < tokens; j++) {
                        sum += of(s, p[at_p(s, b, h, i, j)]) * of(s, qkv[at_qkv(s, b, j, V, h, d)]);
                    }
                    out[at_out(s, b, i, h, d)] = (float)sum;
                }
            }
        }
    }
}

// dp_ij = sum_d dout_id v_jd
static double gradient_p(shape s, const float *dout, const float *qkv, int64_t b, int64_t h,
                         int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t d = 0; d < s.head_dim; d++) {
        sum += of(s, dout[at_out(s, b, i, h, d)]) * of(s, qkv[at_qkv(s, b, j, V, h, d)]);
    }
    return sum;
}

// Adds row i of ds to dq and dk and of p to dv, in float32 as everything that lies in dqkv.
static void backward_row(shape s, float *dqkv, const float *dout, const float *qkv, const float *p,
                         int64_t b, int64_t h, int64_t i) {
    const double root = 1 / sqrt((double)s.head_dim);
    double dot = 0;
    for (int64_t j = 0; j < s.tokens; j++) {
        dot += gradient_p(s, dout, qkv, b, h, i, j) * (double)p[at_p(s, b, h, i, j)];
    }
    for (int64_t j = 0; j < s.tokens; j++) {
        const float pij = p[at_p(s, b, h, i, j)];
        const float ds = (float)((double)pij * (gradient_p(s, dout, qkv, b, h, i, j) - dot));
        for (int64_t d = 0; d < s.head_dim; d++) {
            float *dq = &dqkv[at_qkv(s, b, i, Q, h, d)];
            float *dk = &dqkv[at_qkv(s, b, j, K, h, d)];
            float *dv = &dqkv[at_qkv(s, b, j, V, h, d)];
            *dq = (float)((double)*dq + of(s, ds) * root * of(s, qkv[at_qkv(s, b, j, K, h, d)]));
            *dk = (float)((double)*dk + of(s, ds) * root * of(s, qkv[at_qkv(s, b, i, Q, h, d)]));
            *dv = (float)((double)*dv + of(s, pij) * of(s, dout[at_out(s, b, i, h, d)]));
        }
    }
}

void od_ref_attention_backward(od_device *device, float *dqkv, const float *dout, const float *qkv,
                               const float *p, int64_t batch, int64_t tokens, int64_t heads,
                               int64_t head_dim) {
    shape s = {device, tokens, heads, head_dim};
    for (int64_t i = 0; i < batch * tokens * 3 * heads * head_dim; i++) {
        dqkv[i] = 0;
    }
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t h = 0; h < heads; h++) {
            for (int64_t i = 0; i < tokens; i++) {
                backward_row(s, dqkv, dout, qkv, p, b, h, i);
            }
        }
    }
}
