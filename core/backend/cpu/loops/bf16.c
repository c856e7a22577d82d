// SPDX-License-Identifier: Apache-2.0
// Matrix products whose operands are rounded to bfloat16 and whose sums are float32. Two
// neighbours along the inner dimension share 32 bits, the first in the low half: what the
// instruction of AVX-512 BF16 takes, and what the other levels split with a shift and a mask. A
// product of two bfloat16 numbers is exact in float32, so all levels compute the same but for the
// order of sums.
#include "core/backend/cpu/loops/loops.h"
#include "core/backend/cpu/loops/vector.h"

enum { PANEL = OD_CPU_BF16_PANEL };

#if defined(__AVX512F__)
enum { ROWS = 6, COLUMNS = 4 }; // of a tile: 24 of 32 registers hold sums
#else
enum { ROWS = 4, COLUMNS = 2 };
#endif

#if defined(__AVX512BF16__)
INLINE vec add_pairs(vec sum, vec_bits a, vec_bits b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
#else
INLINE vec add_pairs(vec sum, vec_bits a, vec_bits b) {
    sum += (vec)(a & 0xffff0000u) * (vec)(b & 0xffff0000u);
    return sum + (vec)(a << 16) * (vec)(b << 16);
}
#endif

typedef uint16_t halves __attribute__((vector_size(LANES * 2)));

// The first `left` values of a row in bfloat16, zeros behind them.
INLINE halves rounded_upto(const float *from, int64_t left) {
    return __builtin_convertvector(vec_bf16(vec_load_upto(from, left)) >> 16, halves);
}

void OD_LOOP(bf16_rows)(uint32_t *to, const float *x, int64_t rows, int64_t k) {
    const int64_t pairs = (k + 1) / 2;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < k; i += LANES) {
            const halves some = rounded_upto(x + r * k + i, k - i);
            const int64_t left = pairs - i / 2;
            memcpy(to + r * pairs + i / 2, &some,
                   __builtin_expect(left >= LANES / 2, 1) ? sizeof some : (size_t)left * 4);
        }
    }
}

void OD_LOOP(bf16_panels)(uint32_t *to, const float *b, int64_t k, int64_t n, int64_t begin,
                          int64_t end) {
    const int64_t pairs = (k + 1) / 2;
    for (int64_t p = begin; p < end; p++) {
        for (int64_t l = 0; l < pairs; l++) {
            const float *row = b + 2 * l * n;
            for (int64_t j = p * PANEL; j < (p + 1) * PANEL; j += LANES) {
                vec_bits low = {0}, high = {0};
                if (j < n) {
                    low = vec_bf16(vec_load_upto(row + j, n - j)) >> 16;
                }
                if (j < n && 2 * l + 1 < k) {
                    high = vec_bf16(vec_load_upto(row + n + j, n - j));
                }
                vec_store((float *)(to + (p * pairs + l) * PANEL + j - p * PANEL),
                          (vec)(low | high));
            }
        }
    }
}

void OD_LOOP(bf16_panels_transposed)(uint32_t *to, const float *b, int64_t k, int64_t n,
                                     int64_t begin, int64_t end) {
    const int64_t pairs = (k + 1) / 2;
    for (int64_t p = begin; p < end; p++) {
        uint32_t *panel = to + p * pairs * PANEL;
        for (int64_t j = 0; j < PANEL; j++) {
            const float *row = b + (p * PANEL + j) * k;
            for (int64_t i = 0; i < k; i += LANES) {
                uint32_t some[LANES / 2] = {0};
                if (p * PANEL + j < n) {
                    const halves values = rounded_upto(row + i, k - i);
                    memcpy(some, &values, sizeof some);
                }
                for (int64_t t = 0; t < LANES / 2 && i / 2 + t < pairs; t++) {
                    panel[(i / 2 + t) * PANEL + j] = some[t];
                }
            }
        }
    }
}

// One product: see bf16_multiply in loops.h.
typedef struct product {
    float *c;
    int64_t c_stride;
    const float *init;
    int64_t init_stride;
    const uint32_t *a;
    int64_t step, jump;
    int64_t n, pairs;
} product;

// rows x COLUMNS vectors of c from row i and column j on; b is the panel of column j. rows is a
// constant at each call, and the function inlined.
INLINE void tile(const product *p, const uint32_t *b, int64_t i, int64_t j, int rows) {
    vec sum[ROWS][COLUMNS];
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < COLUMNS; v++) {
            const int64_t at = j + v * LANES;
            const bool is_there = p->init != NULL && at < p->n;
            sum[r][v] = is_there ? vec_load_upto(p->init + (i + r) * p->init_stride + at, p->n - at)
                                 : (vec){0};
        }
    }
    const uint32_t *a = p->a + i * p->step;
    for (int64_t l = 0; l < p->pairs; l++) {
        vec_bits from_b[COLUMNS];
        for (int v = 0; v < COLUMNS; v++) {
            from_b[v] = (vec_bits)vec_load((const float *)(b + l * PANEL + v * LANES));
        }
        for (int r = 0; r < rows; r++) {
            const vec_bits from_a = (vec_bits){0} + a[r * p->step + l * p->jump];
            for (int v = 0; v < COLUMNS; v++) {
                sum[r][v] = add_pairs(sum[r][v], from_a, from_b[v]);
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < COLUMNS && j + v * LANES < p->n; v++) {
            const int64_t at = j + v * LANES;
            vec_store_upto(p->c + (i + r) * p->c_stride + at, sum[r][v], p->n - at);
        }
    }
}

static void full_tile(const product *p, const uint32_t *b, int64_t i, int64_t j) {
    tile(p, b, i, j, ROWS);
}

static void last_tile(const product *p, const uint32_t *b, int64_t i, int64_t j, int64_t rows) {
    switch (rows) {
    case 1:
        tile(p, b, i, j, 1);
        break;
    case 2:
        tile(p, b, i, j, 2);
        break;
    case 3:
        tile(p, b, i, j, 3);
        break;
    case 4:
        tile(p, b, i, j, 4 <= ROWS ? 4 : ROWS);
        break;
    default:
        tile(p, b, i, j, 5 <= ROWS ? 5 : ROWS);
    }
}

void OD_LOOP(bf16_multiply)(float *c, int64_t c_stride, const float *init, int64_t init_stride,
                            const uint32_t *a, int64_t step, int64_t jump, const uint32_t *panels,
                            int64_t m, int64_t n, int64_t pairs) {
    const product p = {.c = c,
                       .c_stride = c_stride,
                       .init = init,
                       .init_stride = init_stride,
                       .a = a,
                       .step = step,
                       .jump = jump,
                       .n = n,
                       .pairs = pairs};
    for (int64_t j = 0; j < n; j += COLUMNS * LANES) {
        const uint32_t *b = panels + j / PANEL * PANEL * pairs + j % PANEL;
        int64_t i = 0;
        for (; i + ROWS <= m; i += ROWS) {
            full_tile(&p, b, i, j);
        }
        if (i < m) {
            last_tile(&p, b, i, j, m - i);
        }
    }
}
