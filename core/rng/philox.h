// SPDX-License-Identifier: Apache-2.0
// Counter-based randomness: Philox4x32-10 (base/philox.h). A draw is a pure function of (seed, purpose, epoch, index, block); no generator
// state exists anywhere, so a resumed run and any number of threads draw the same numbers.
#ifndef OD_CORE_RNG_PHILOX_H
#define OD_CORE_RNG_PHILOX_H

#include "base/philox.h"

#include <stdint.h>

typedef enum od_purpose {
    OD_PURPOSE_INIT = 1,    // index = parameter number
    OD_PURPOSE_SHUFFLE = 2, // epoch, index = 0
    OD_PURPOSE_AUGMENT = 3, // epoch, index = sample
    OD_PURPOSE_MIXUP = 4,   // epoch, index = batch
    OD_PURPOSE_DROP = 5,    // epoch = layer, index = micro-batch, from 0 at the first step
    OD_PURPOSE_CONNECT = 6, // epoch = block, index = step
    OD_PURPOSE_NOISE = 7,   // epoch = layer, index = micro-batch, from 0 at the first step
    // epoch = layer, index = steps done before this evaluation * its batches + batch
    OD_PURPOSE_EVAL_NOISE = 8,
} od_purpose;

// One stream of draws. Copying it copies the position. Made on the stack by od_philox_init.
typedef struct od_philox {
    uint32_t key[2];
    uint32_t counter[4]; // [0] counts blocks of four draws; the rest names the stream
    uint32_t block[4];
    int used; // of block
} od_philox;

void od_philox_init(od_philox *stream, uint64_t seed, od_purpose purpose, uint32_t epoch,
                    uint64_t index);
uint32_t od_philox_next(od_philox *stream);
float od_philox_uniform(od_philox *stream);              // [0, 1), 24 bits
float od_philox_normal(od_philox *stream);               // mean 0, std 1 (Box-Muller)
uint32_t od_philox_below(od_philox *stream, uint32_t n); // 0..n-1 without bias; n >= 1

#endif
