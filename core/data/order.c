// SPDX-License-Identifier: Apache-2.0
#include "core/data/order.h"

#include "core/rng/philox.h"

void od_order_make(uint32_t *order, int64_t count, bool shuffle, uint64_t seed, int64_t epoch) {
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
        order[i] = i;
    }
    if (!shuffle) {
        return;
    }
    od_philox draws;
    od_philox_init(&draws, seed, OD_PURPOSE_SHUFFLE, (uint32_t)epoch, 0);
    for (uint32_t i = (uint32_t)count - 1; i > 0; i--) {
        uint32_t j = od_philox_below(&draws, i + 1);
        uint32_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}
