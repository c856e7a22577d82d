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

// Reads the key of a request whose body is body (NULL: empty). false: *response is the answer.
bool od_key_read(const od_request *request, const char *route, const cJSON *body, od_key *out,
                 od_response **response);

#endif
