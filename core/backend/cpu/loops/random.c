// SPDX-License-Identifier: Apache-2.0
// Dropping and noise. Philox blocks are computed a line at a time, lane beside lane, which the
// compiler vectorises; the words come out in the order of od_philox_next.
#include "core/backend/cpu/loops/loops.h"

#include <math.h>

enum { LINE = OD_CPU_DRAWS / 4, ROUNDS = 10 }; // blocks of four words

typedef struct line {
    uint32_t c0[LINE], c1[LINE], c2[LINE], c3[LINE];
} line;

static void next_round(line *l, uint32_t k0, uint32_t k1) {
#pragma omp simd
    for (int i = 0; i < LINE; i++) {
        uint64_t even = (uint64_t)0xD2511F53 * l->c0[i];
        uint64_t odd = (uint64_t)0xCD9E8D57 * l->c2[i];
        l->c0[i] = (uint32_t)(odd >> 32) ^ l->c1[i] ^ k0;
        l->c1[i] = (uint32_t)odd;
        l->c2[i] = (uint32_t)(even >> 32) ^ l->c3[i] ^ k1;
        l->c3[i] = (uint32_t)even;
    }
}

// out = the draws first .. first + OD_CPU_DRAWS; first is a multiple of that.
static void draw_line(uint32_t out[OD_CPU_DRAWS], const od_philox *draws, int64_t first) {
    line l;
    for (int i = 0; i < LINE; i++) {
        l.c0[i] = (uint32_t)(first / 4 + i);
        l.c1[i] = draws->counter[1];
        l.c2[i] = draws->counter[2];
        l.c3[i] = draws->counter[3];
    }
    uint32_t k0 = draws->key[0], k1 = draws->key[1];
    for (int round = 0; round < ROUNDS; round++) {
        next_round(&l, k0, k1);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    for (int i = 0; i < LINE; i++) {
        out[4 * i] = l.c0[i];
        out[4 * i + 1] = l.c1[i];
        out[4 * i + 2] = l.c2[i];
        out[4 * i + 3] = l.c3[i];
    }
}

static int64_t line_end(int64_t begin, int64_t end) {
    return begin + OD_CPU_DRAWS < end ? begin + OD_CPU_DRAWS : end;
}

void OD_LOOP(drop)(float *y, const float *x, int64_t begin, int64_t end, float rate,
                   const od_philox *draws) {
    const float factor = 1.0f / (1.0f - rate);
    uint32_t words[OD_CPU_DRAWS];
    for (int64_t first = begin; first < end; first += OD_CPU_DRAWS) {
        draw_line(words, draws, first);
        const int64_t last = line_end(first, end);
        for (int64_t i = first; i < last; i++) {
            const float uniform = (float)(words[i - first] >> 8) * 0x1p-24f;
            y[i] = uniform >= rate ? x[i] * factor : 0;
        }
    }
}

void OD_LOOP(add_noise)(float *y, const float *x, int64_t begin, int64_t end, float scale,
                        const od_philox *draws) {
    uint32_t words[OD_CPU_DRAWS];
    for (int64_t first = begin; first < end; first += OD_CPU_DRAWS) {
        draw_line(words, draws, first);
        const int64_t last = line_end(first, end);
        for (int64_t i = first; i < last; i += 2) {
            const double uniform = ((double)words[i - first] + 1) * 0x1p-32;
            const double radius = (double)scale * sqrt(-2 * log(uniform));
            const double angle = 2 * M_PI * 0x1p-32 * (double)words[i - first + 1];
            y[i] = x[i] + (float)(radius * cos(angle));
            if (i + 1 < last) {
                y[i + 1] = x[i + 1] + (float)(radius * sin(angle));
            }
        }
    }
}
