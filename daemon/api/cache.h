// SPDX-License-Identifier: Apache-2.0
// Answers to GET requests that are true until the next commit, so that what many clients ask again
// and again is read and printed once. An answer is at most OD_CACHE_MS old, for the sake of what
// depends on the clock. Lives on the loop's thread.
#ifndef OD_API_CACHE_H
#define OD_API_CACHE_H

#include "daemon/http/http.h"

#include <stdint.h>

enum { OD_CACHE_MS = 1000, OD_CACHE_ANSWERS = 64, OD_CACHE_BODY_BYTES = 256 << 10 };

typedef struct od_cache od_cache;

od_cache *od_cache_new(void); // NULL: no memory
void od_cache_free(od_cache *cache);

// The answer to the request with this target, for od_request_answer, or NULL. generation is
// od_store_generation's, now_ms any clock that only goes on.
od_response *od_cache_find(od_cache *cache, const char *target, uint64_t generation,
                           uint64_t now_ms);

// Keeps response, which stays the caller's too. generation is that from before the reading began.
// Nothing is kept of other answers than 200, of large ones, or without memory.
void od_cache_keep(od_cache *cache, const char *target, uint64_t generation, uint64_t now_ms,
                   od_response *response);

#endif
