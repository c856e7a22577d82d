// SPDX-License-Identifier: Apache-2.0
// Attention of one head at a time. Its parts are copied into scratch with rows padded to whole
// vectors, then everything is small matrix products (multiply) and softmax rows in the first-level
// cache. Queries are taken in blocks, so that long sequences stay in the second-level cache. In
// bfloat16 the operands are rounded as they are packed; the products themselves are float32.
//
// In scratch (d = head_dim and t = tokens, both rounded up to whole vectors; pads are 0):
//   q, k, v, g (dout) [tokens, d]   kt, vt [head_dim, t]: transposed   dk, dv [tokens, d]
//   p, s (scores, ds) [QUERIES, t]  o (out, dq) [QUERIES, d]
#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

enum { QUERIES = 64, WIDEST_LANES = 16 };

typedef struct head {
    int64_t tokens, head_dim;
    int64_t d, t;         // padded
    int64_t token_stride; // of qkv: 3 heads head_dim
    int64_t out_stride;   // heads head_dim
    bool bf16;            // round the operands of products
    float *q, *k, *v, *g, *kt, *vt, *dk, *dv, *p, *s, *o;
} head;

INLINE int64_t padded(int64_t n) {
    return (n + LANES - 1) / LANES * LANES;
}

// The same for every level: sized for the widest.
size_t OD_LOOP(attention_scratch)(int64_t tokens, int64_t head_dim) {
    int64_t d = head_dim + WIDEST_LANES;
    int64_t t = tokens + WIDEST_LANES;
    return (size_t)(6 * tokens * d + 2 * head_dim * t + 2 * QUERIES * t + QUERIES * d);
}

static head head_in(float *scratch, int64_t tokens, int64_t heads, int64_t head_dim, bool bf16) {
    int64_t d = padded(head_dim);
    int64_t t = padded(tokens);
    head h = {.tokens = tokens,
              .head_dim = head_dim,
              .d = d,
              .t = t,
              .token_stride = 3 * heads * head_dim,
              .out_stride = heads * head_dim,
              .bf16 = bf16};
    float **const parts[] = {&h.q, &h.k, &h.v, &h.g, &h.dk, &h.dv, &h.kt, &h.vt, &h.p, &h.s, &h.o};
    const int64_t floats[] = {tokens * d,  tokens * d,  tokens * d,   tokens * d,
                              tokens * d,  tokens * d,  head_dim * t, head_dim * t,
                              QUERIES * t, QUERIES * t, QUERIES * d};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        *parts[i] = scratch;
        scratch += floats[i];
    }
    return h;
}

// to[rows, padded(n)] = operand(from[rows, n]) factor, zeros behind.
INLINE void pack(float *to, const float *from, int64_t rows, int64_t n, int64_t stride,
                 float factor, bool bf16) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < n; i += LANES) {
            const vec v = vec_operand(vec_load_upto(from + r * stride + i, n - i), bf16);
            vec_store(to + r * padded(n) + i, v * factor);
        }
    }
}

// to[count] = operand(from[count]); to may be from. count is a multiple of LANES.
INLINE void round_operand(float *to, const float *from, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        vec_store(to + i, vec_operand(vec_load(from + i), true));
    }
}

// to[n, padded(rows)] = transposed operand(from[rows, n]), zeros behind.
INLINE void pack_transposed(float *to, const float *from, int64_t rows, int64_t n, int64_t stride,
                            bool bf16) {
    int64_t width = padded(rows);
    for (int64_t i = 0; i < n; i++) {
        vec_store(to + i * width + width - LANES, (vec){0});
        for (int64_t r = 0; r < rows; r++) {
            to[i * width + r] = from[r * stride + i];
        }
    }
    if (bf16) {
        round_operand(to, to, n * width);
    }
}

// to[rows, n] with rows stride apart = from[rows, padded(n)] factor.
INLINE void unpack(float *to, const float *from, int64_t rows, int64_t n, int64_t stride,
                   float factor) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < n; i += LANES) {
            vec_store_upto(to + r * stride + i, vec_load(from + r * padded(n) + i) * factor, n - i);
        }
    }
}

// ROWS x COLUMNS vectors of c = a b, or added to c. a(i, l) is at a[i * step + l * jump].
#define TILE(ROWS, COLUMNS)                                                                       \
    INLINE void tile_##ROWS##x##COLUMNS(float *c, const float *a, int64_t step, int64_t jump,     \
                                        const float *b, int64_t width, int64_t depth, bool add) { \
        vec sum[ROWS][COLUMNS];                                                                   \
        for (int i = 0; i < ROWS; i++) {                                                          \
            for (int j = 0; j < COLUMNS; j++) {                                                   \
                sum[i][j] = add ? vec_load(c + i * width + j * LANES) : (vec){0};                 \
            }                                                                                     \
        }                                                                                         \
        for (int64_t l = 0; l < depth; l++) {                                                     \
            for (int j = 0; j < COLUMNS; j++) {                                                   \
                vec from_b = vec_load(b + l * width + j * LANES);                                 \
                for (int i = 0; i < ROWS; i++) {                                                  \
                    sum[i][j] += from_b * a[i * step + l * jump];                                 \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
        for (int i = 0; i < ROWS; i++) {                                                          \
            for (int j = 0; j < COLUMNS; j++) {                                                   \
                vec_store(c + i * width + j * LANES, sum[i][j]);                                  \
            }                                                                                     \
        }                                                                                         \
    }
TILE(4, 2)
TILE(1, 2)
TILE(6, 1)
TILE(1, 1)

// c[rows, width] = a b or += a b; a [rows, depth] with strides step and jump, b [depth, width];
// width is a multiple of LANES.
static void multiply(float *c, const float *a, int64_t step, int64_t jump, const float *b,
                     int64_t rows, int64_t depth, int64_t width, bool add) {
    int64_t j = 0;
    for (; j + 2 * LANES <= width; j += 2 * LANES) {
        int64_t i = 0;
        for (; i + 4 <= rows; i += 4) {
            tile_4x2(c + i * width + j, a + i * step, step, jump, b + j, width, depth, add);
        }
        for (; i < rows; i++) {
            tile_1x2(c + i * width + j, a + i * step, step, jump, b + j, width, depth, add);
        }
    }
    if (j < width) {
        int64_t i = 0;
        for (; i + 6 <= rows; i += 6) {
            tile_6x1(c + i * width + j, a + i * step, step, jump, b + j, width, depth, add);
        }
        for (; i < rows; i++) {
            tile_1x1(c + i * width + j, a + i * step, step, jump, b + j, width, depth, add);
        }
    }
}

// The padded row s[n] becomes its softmax; the pad becomes 0.
INLINE void softmax_row(float *s, int64_t n) {
    vec top = vec_all(s[0]);
    for (int64_t j = 0; j < n; j += LANES) {
        top = vec_max(top, vec_keep_upto(vec_load(s + j), top, n - j));
    }
    float largest = vec_largest(top);
    vec sum = {0};
    for (int64_t j = 0; j < n; j += LANES) {
        vec e = vec_keep_upto(vec_exp(vec_load(s + j) - largest), (vec){0}, n - j);
        vec_store(s + j, e);
        sum += e;
    }
    float inverse = 1.0f / vec_sum(sum);
    for (int64_t j = 0; j < n; j += LANES) {
        vec_store(s + j, vec_load(s + j) * inverse);
    }
}

// ds = p (dp - <dp, p>) in the place of dp, for a padded row; p's pad is 0.
INLINE void softmax_backward_row(float *dp, const float *p, int64_t width) {
    vec sum = {0};
    for (int64_t j = 0; j < width; j += LANES) {
        sum += vec_load(dp + j) * vec_load(p + j);
    }
    float dot = vec_sum(sum);
    for (int64_t j = 0; j < width; j += LANES) {
        vec_store(dp + j, vec_load(p + j) * (vec_load(dp + j) - dot));
    }
}

INLINE int64_t queries_from(int64_t first, int64_t tokens) {
    return tokens - first < QUERIES ? tokens - first : QUERIES;
}

static void forward_head(const head *h, float *out, float *p, const float *qkv, float root) {
    const float *k = qkv + h->out_stride;
    const float *v = k + h->out_stride;
    pack(h->q, qkv, h->tokens, h->head_dim, h->token_stride, root, h->bf16);
    pack_transposed(h->kt, k, h->tokens, h->head_dim, h->token_stride, h->bf16);
    pack(h->v, v, h->tokens, h->head_dim, h->token_stride, 1.0f, h->bf16);
    for (int64_t i = 0; i < h->tokens; i += QUERIES) {
        int64_t rows = queries_from(i, h->tokens);
        multiply(h->s, h->q + i * h->d, h->d, 1, h->kt, rows, h->head_dim, h->t, false);
        for (int64_t r = 0; r < rows; r++) {
            softmax_row(h->s + r * h->t, h->tokens);
        }
        unpack(p + i * h->tokens, h->s, rows, h->tokens, h->tokens, 1.0f);
        if (h->bf16) {
            round_operand(h->s, h->s, rows * h->t);
        }
        multiply(h->o, h->s, h->t, 1, h->v, rows, h->tokens, h->d, false);
        unpack(out + i * h->out_stride, h->o, rows, h->head_dim, h->out_stride, 1.0f);
    }
}

void OD_LOOP(attention_forward)(float *out, float *p, const float *qkv, int64_t begin, int64_t end,
                                int64_t tokens, int64_t heads, int64_t head_dim, bool bf16,
                                float *scratch) {
    head h = head_in(scratch, tokens, heads, head_dim, bf16);
    float root = 1.0f / __builtin_sqrtf((float)head_dim);
    for (int64_t item = begin; item < end; item++) {
        int64_t b = item / heads;
        int64_t at = item % heads * head_dim;
        forward_head(&h, out + b * tokens * h.out_stride + at, p + item * tokens * tokens,
                     qkv + b * tokens * h.token_stride + at, root);
    }
}

// The queries carry 1/sqrt(head_dim), so that dk comes out right; dq gets it at the end.
static void backward_head(const head *h, float *dqkv, const float *dout, const float *qkv,
                          const float *p, float root) {
    const float *k = qkv + h->out_stride;
    const float *v = k + h->out_stride;
    pack(h->q, qkv, h->tokens, h->head_dim, h->token_stride, root, h->bf16);
    pack(h->k, k, h->tokens, h->head_dim, h->token_stride, 1.0f, h->bf16);
    pack_transposed(h->vt, v, h->tokens, h->head_dim, h->token_stride, h->bf16);
    pack(h->g, dout, h->tokens, h->head_dim, h->out_stride, 1.0f, h->bf16);
    for (int64_t i = 0; i < h->tokens; i += QUERIES) {
        int64_t rows = queries_from(i, h->tokens);
        const float *g = h->g + i * h->d;
        pack(h->p, p + i * h->tokens, rows, h->tokens, h->tokens, 1.0f, false);
        if (h->bf16) {
            round_operand(h->s, h->p, rows * h->t);
        }
        multiply(h->dv, h->bf16 ? h->s : h->p, 1, h->t, g, h->tokens, rows, h->d, i > 0);
        multiply(h->s, g, h->d, 1, h->vt, rows, h->head_dim, h->t, false);
        for (int64_t r = 0; r < rows; r++) {
            softmax_backward_row(h->s + r * h->t, h->p + r * h->t, h->t);
        }
        if (h->bf16) {
            round_operand(h->s, h->s, rows * h->t);
        }
        multiply(h->dk, h->s, 1, h->t, h->q + i * h->d, h->tokens, rows, h->d, i > 0);
        multiply(h->o, h->s, h->t, 1, h->k, rows, h->tokens, h->d, false);
        unpack(dqkv + i * h->token_stride, h->o, rows, h->head_dim, h->token_stride, root);
    }
    float *dk = dqkv + h->out_stride;
    unpack(dk, h->dk, h->tokens, h->head_dim, h->token_stride, 1.0f);
    unpack(dk + h->out_stride, h->dv, h->tokens, h->head_dim, h->token_stride, 1.0f);
}

void OD_LOOP(attention_backward)(float *dqkv, const float *dout, const float *qkv, const float *p,
                                 int64_t begin, int64_t end, int64_t tokens, int64_t heads,
                                 int64_t head_dim, bool bf16, float *scratch) {
    head h = head_in(scratch, tokens, heads, head_dim, bf16);
    float root = 1.0f / __builtin_sqrtf((float)head_dim);
    for (int64_t item = begin; item < end; item++) {
        int64_t b = item / heads;
        int64_t at = item % heads * head_dim;
        backward_head(&h, dqkv + b * tokens * h.token_stride + at,
                      dout + b * tokens * h.out_stride + at, qkv + b * tokens * h.token_stride + at,
                      p + item * tokens * tokens, root);
    }
}
