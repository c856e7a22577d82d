// SPDX-License-Identifier: Apache-2.0
// Draw d takes the sign of value i from bit i % 32 of word i / 32 % 4 of the block whose counter is
// (d, i / 128, 0, 0), under a key that no stream of a run's seed has a reason to have.
#include "base/sign_flip.h"

#include "base/philox.h"

#include <math.h>
#include <stdint.h>

enum { WORD_BITS = 32, BLOCK_BITS = 128 };

static const double rounding = 1e-12;
static const uint32_t key[2] = {0x5349474E, 0x464C4950}; // "SIGNFLIP"

// The sum of up to 32 values, those negated whose bit is set.
static double flipped_sum(const double *values, size_t count, uint32_t bits) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += bits >> i & 1 ? -values[i] : values[i];
    }
    return sum;
}

static double drawn_sum(const double *values, size_t count, uint32_t draw) {
    double sum = 0;
    uint32_t words[BLOCK_BITS / WORD_BITS];
    for (size_t i = 0; i < count; i += WORD_BITS) {
        if (i % BLOCK_BITS == 0) {
            const uint32_t counter[4] = {draw, (uint32_t)(i / BLOCK_BITS), 0, 0};
            od_philox_block(counter, key, words);
        }
        size_t left = count - i;
        sum += flipped_sum(values + i, left < WORD_BITS ? left : WORD_BITS,
                           words[i % BLOCK_BITS / WORD_BITS]);
    }
    return sum;
}

// A pattern and its negation have sums of the same size, so the last value may keep its sign.
static double exact(const double *values, size_t count, double least) {
    uint32_t patterns = (uint32_t)1 << (count - 1);
    uint32_t hits = 0;
    for (uint32_t bits = 0; bits < patterns; bits++) {
        hits += fabs(flipped_sum(values, count, bits)) >= least;
    }
    return (double)hits / patterns;
}

static double drawn(const double *values, size_t count, double least) {
    uint32_t hits = 0;
    for (uint32_t draw = 0; draw < OD_SIGN_FLIP_DRAWS; draw++) {
        hits += fabs(drawn_sum(values, count, draw)) >= least;
    }
    return (1.0 + hits) / (1.0 + OD_SIGN_FLIP_DRAWS);
}

bool od_sign_flip(const double *values, size_t count, double *p) {
    double size = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        size += fabs(values[i]);
        sum += values[i];
    }
    if (count == 0 || !isfinite(size)) {
        return false;
    }
    double least = fabs(sum) - rounding * size;
    *p =
        count <= OD_SIGN_FLIP_EXACT_MAX ? exact(values, count, least) : drawn(values, count, least);
    return true;
}
