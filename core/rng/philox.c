// SPDX-License-Identifier: Apache-2.0
// Where a stream's name stands: key = seed; counter[0] = block number, counter[1] = epoch,
// counter[2..3] = index, whose upper 8 bits hold the purpose. So two streams that differ in
// anything have no block in common.
#include "core/rng/philox.h"

#include <assert.h>
#include <math.h>

enum { INDEX_BITS = 56 };

void od_philox_init(od_philox *stream, uint64_t seed, od_purpose purpose, uint32_t epoch,
                    uint64_t index) {
    assert(index < (uint64_t)1 << INDEX_BITS);
    uint64_t name = index | (uint64_t)purpose << INDEX_BITS;
    *stream = (od_philox){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, epoch, (uint32_t)name, (uint32_t)(name >> 32)},
        .used = 4,
    };
}

uint32_t od_philox_next(od_philox *stream) {
    if (stream->used == 4) {
        od_philox_block(stream->counter, stream->key, stream->block);
        stream->counter[0]++;
        stream->used = 0;
    }
    return stream->block[stream->used++];
}

float od_philox_uniform(od_philox *stream) {
    return (float)(od_philox_next(stream) >> 8) * 0x1p-24f;
}

float od_philox_normal(od_philox *stream) {
    double radius = ((double)od_philox_next(stream) + 1.0) * 0x1p-32; // (0, 1]: has a logarithm
    double angle = (double)od_philox_next(stream) * 0x1p-32;
    return (float)(sqrt(-2.0 * log(radius)) * cos(2.0 * 3.14159265358979323846 * angle));
}

uint32_t od_philox_below(od_philox *stream, uint32_t n) {
    assert(n > 0);
    // Lemire, "Fast random integer generation in an interval": the upper word of draw * n is
    // uniform once the draws whose lower word falls into the first 2^32 mod n are left out.
    uint32_t reject_below = (0 - n) % n;
    for (;;) {
        uint64_t product = (uint64_t)od_philox_next(stream) * n;
        if ((uint32_t)product >= reject_below) {
            return (uint32_t)(product >> 32);
        }
    }
}
