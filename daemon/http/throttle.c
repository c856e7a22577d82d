// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/throttle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096, WAYS = 8 };

typedef struct bucket {
    uint8_t key[OD_TOKEN_HASH_BYTES];
    double left; // tries, as of at_ms
    int64_t at_ms;
    bool used;
} bucket;

struct od_throttle {
    double per_second;
    double burst;
    bucket buckets[BUCKETS];
};

od_throttle *od_throttle_new(double per_second, double burst) {
    od_throttle *throttle = calloc(1, sizeof *throttle);
    if (throttle != NULL) {
        throttle->per_second = per_second;
        throttle->burst = burst;
    }
    return throttle;
}

void od_throttle_free(od_throttle *throttle) {
    free(throttle);
}

static double fill(const od_throttle *throttle, const bucket *one, int64_t now_ms) {
    if (!one->used) {
        return throttle->burst;
    }
    double more = (double)(now_ms - one->at_ms) / 1000 * throttle->per_second;
    return fmin(throttle->burst, one->left + more);
}

// The key's bucket, or the fullest of those that it may have.
static bucket *find(od_throttle *throttle, const uint8_t *key, int64_t now_ms) {
    size_t first = ((size_t)key[0] << 8 | key[1]) % (BUCKETS / WAYS) * WAYS;
    bucket *fullest = &throttle->buckets[first];
    for (bucket *one = fullest; one < &throttle->buckets[first + WAYS]; one++) {
        if (one->used && memcmp(one->key, key, OD_TOKEN_HASH_BYTES) == 0) {
            return one;
        }
        if (fill(throttle, one, now_ms) > fill(throttle, fullest, now_ms)) {
            fullest = one;
        }
    }
    *fullest = (bucket){.left = throttle->burst, .at_ms = now_ms, .used = true};
    memcpy(fullest->key, key, OD_TOKEN_HASH_BYTES);
    return fullest;
}

static bool look(od_throttle *throttle, const uint8_t *key, int64_t now_ms, double price,
                 int *wait_s) {
    bucket *one = find(throttle, key, now_ms);
    one->left = fill(throttle, one, now_ms);
    one->at_ms = now_ms;
    if (one->left < 1) {
        double seconds = ceil((1 - one->left) / throttle->per_second);
        *wait_s = seconds < 1 ? 1 : (int)seconds;
        return false;
    }
    one->left -= price;
    return true;
}

bool od_throttle_take(od_throttle *throttle, const uint8_t key[OD_TOKEN_HASH_BYTES], int64_t now_ms,
                      int *wait_s) {
    return look(throttle, key, now_ms, 1, wait_s);
}

bool od_throttle_has(od_throttle *throttle, const uint8_t key[OD_TOKEN_HASH_BYTES], int64_t now_ms,
                     int *wait_s) {
    return look(throttle, key, now_ms, 0, wait_s);
}
