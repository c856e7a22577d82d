// SPDX-License-Identifier: Apache-2.0
// The order of an epoch: a function of (seed, epoch), or the files' order.
#ifndef OD_CORE_DATA_ORDER_H
#define OD_CORE_DATA_ORDER_H

#include <stdbool.h>
#include <stdint.h>

// order [count] becomes a permutation of 0 to count - 1: a Fisher-Yates shuffle whose draws come
// from (seed, epoch), or without shuffle the numbers in turn. count >= 1.
void od_order_make(uint32_t *order, int64_t count, bool shuffle, uint64_t seed, int64_t epoch);

#endif
