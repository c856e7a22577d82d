// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/key.h"

#include "base/json.h"
#include "daemon/http/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Two FNV-1a sums of the canonical text and its length: enough to tell an honest client that it
// uses a key twice.
static bool make_digest(const cJSON *body, char out[OD_KEY_DIGEST_BYTES]) {
    char *text = od_json_canonical(body);
    if (text == NULL) {
        return false;
    }
    uint64_t a = UINT64_C(14695981039346656037);
    uint64_t b = ~a;
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        a = (a ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
        b = (b ^ (unsigned char)text[size - 1 - i]) * UINT64_C(1099511628211);
    }
    free(text);
    snprintf(out, OD_KEY_DIGEST_BYTES, "%zx-%016" PRIx64 "%016" PRIx64, size, a, b);
    return true;
}

static bool is_key(const char *text) {
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return size > 0 && size < OD_KEY_BYTES;
}

void od_key_check(od_request *request) {
    const char *key = od_request_header(request, "Idempotency-Key");
    if (key != NULL && !is_key(key)) {
        od_request_fault(request, "Idempotency-Key",
                         "is no key: 1 to %d printable ASCII characters", OD_KEY_BYTES - 1);
    }
}

bool od_key_read(const od_request *request, const char *route, const cJSON *body, od_key *out) {
    const char *key = od_request_header(request, "Idempotency-Key");
    *out = (od_key){0};
    if (key == NULL) {
        return true;
    }
    snprintf(out->text, sizeof out->text, "%s:%s", route, key);
    return body == NULL || make_digest(body, out->digest);
}
