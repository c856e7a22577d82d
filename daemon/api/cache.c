// SPDX-License-Identifier: Apache-2.0
// One place for each value of the target's hash: a newer answer takes it from an older one.
#include "daemon/api/cache.h"

#include <stdlib.h>
#include <string.h>

typedef struct place {
    char *target; // NULL: free
    od_response *response;
    uint64_t generation;
    uint64_t since_ms;
} place;

struct od_cache {
    place places[OD_CACHE_ANSWERS];
};

od_cache *od_cache_new(void) {
    return calloc(1, sizeof(od_cache));
}

static void clear(place *at) {
    free(at->target);
    od_response_free(at->response);
    *at = (place){0};
}

void od_cache_free(od_cache *cache) {
    for (size_t i = 0; cache != NULL && i < OD_CACHE_ANSWERS; i++) {
        clear(&cache->places[i]);
    }
    free(cache);
}

// FNV-1a.
static place *place_of(od_cache *cache, const char *target) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *target != '\0'; target++) {
        hash = (hash ^ (unsigned char)*target) * UINT64_C(0x100000001b3);
    }
    return &cache->places[(hash ^ hash >> 32) % OD_CACHE_ANSWERS];
}

od_response *od_cache_find(od_cache *cache, const char *target, uint64_t generation,
                           uint64_t now_ms) {
    place *at = place_of(cache, target);
    if (at->target == NULL || strcmp(at->target, target) != 0) {
        return NULL;
    }
    if (at->generation != generation || now_ms - at->since_ms >= OD_CACHE_MS) {
        clear(at);
        return NULL;
    }
    return od_response_share(at->response);
}

void od_cache_keep(od_cache *cache, const char *target, uint64_t generation, uint64_t now_ms,
                   od_response *response) {
    if (response == NULL || od_response_status(response) != 200 ||
        od_response_size(response) > OD_CACHE_BODY_BYTES) {
        return;
    }
    place *at = place_of(cache, target);
    clear(at);
    at->target = strdup(target);
    if (at->target != NULL) {
        at->response = od_response_share(response);
        at->generation = generation;
        at->since_ms = now_ms;
    }
}
