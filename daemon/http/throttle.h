// SPDX-License-Identifier: Apache-2.0
// Token buckets, one for each key: a key has `burst` tries at once and `per_second` more each
// second. A bucket that is full is the same as none, so a fixed table has room for all that matter:
// where it is crowded, the fullest gives way.
#ifndef OD_HTTP_THROTTLE_H
#define OD_HTTP_THROTTLE_H

#include "daemon/http/tokens.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct od_throttle od_throttle;

od_throttle *od_throttle_new(double per_second, double burst); // NULL: no memory
void od_throttle_free(od_throttle *throttle);                  // NULL is fine

// Takes one try of key, which is a hash. false: there is none left, and the next one comes in
// *wait_s seconds (at least 1). now_ms is a clock that never goes back.
bool od_throttle_take(od_throttle *throttle, const uint8_t key[OD_TOKEN_HASH_BYTES], int64_t now_ms,
                      int *wait_s);

// The same without taking it.
bool od_throttle_has(od_throttle *throttle, const uint8_t key[OD_TOKEN_HASH_BYTES], int64_t now_ms,
                     int *wait_s);

#endif
