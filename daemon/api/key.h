// SPDX-License-Identifier: Apache-2.0
// The Idempotency-Key of a request that makes something.
#ifndef OD_API_KEY_H
#define OD_API_KEY_H

#include "daemon/http/http.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

enum { OD_KEY_BYTES = 256, OD_KEY_DIGEST_BYTES = 64 };

typedef struct od_key {
    char text[OD_KEY_BYTES + 32];     // "jobs:KEY"; "" without the header
    char digest[OD_KEY_DIGEST_BYTES]; // of the body
} od_key;

// Notes a header that is no key (od_request_is_sound).
void od_key_check(od_request *request);

// Reads the checked key of a request whose body is body (NULL: empty). false: no memory.
bool od_key_read(const od_request *request, const char *route, const cJSON *body, od_key *out);

#endif
