// SPDX-License-Identifier: Apache-2.0
// Remembered Idempotency-Keys: what a request with that key made. Kept for 24 hours at least.
// These functions run inside work functions of the store.
#ifndef OD_DAEMON_STORE_IDEMPOTENCY_H
#define OD_DAEMON_STORE_IDEMPOTENCY_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

typedef struct od_idempotency {
    const char *key;    // with the route in front, so that routes do not share keys: "jobs:KEY"
    const char *digest; // of the body; equal for equal bodies
} od_idempotency;

// OD_OK, the id of the job or experiment that was made, and the answer that was given then (free()
// it; NULL when it is not known: the key was used with a version that kept the id alone);
// OD_E_NOT_FOUND: the key is new; OD_E_EXISTS: it was used with another body.
od_status od_idempotency_find(sqlite3 *db, const od_idempotency *request, int64_t *id, char **body,
                              od_error *error) OD_MUST_CHECK;

// Remembers the key, and forgets those older than a day. body may be NULL.
od_status od_idempotency_insert(sqlite3 *db, const od_idempotency *request, int64_t id,
                                const char *body, int64_t now_ms, od_error *error) OD_MUST_CHECK;

#endif
