// SPDX-License-Identifier: Apache-2.0
// The bijection of Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2,
// 3"), which turns a counter into random words. core/rng/philox.h makes named streams of it; it
// stands here inline because drawing calls it in its innermost loop.
#ifndef OD_BASE_PHILOX_H
#define OD_BASE_PHILOX_H

#include <stdint.h>

// out = philox4x32-10(counter, key); out may be counter.
static inline void od_philox_block(const uint32_t counter[4], const uint32_t key[2],
                                   uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t even = (uint64_t)0xD2511F53 * c0;
        uint64_t odd = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(odd >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)odd;
        c2 = (uint32_t)(even >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)even;
        k0 += 0x9E3779B9; // the golden ratio and sqrt(3) - 1, as Weyl sequences
        k1 += 0xBB67AE85;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

#endif
