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

// OD_OK and the id of the job or experiment that was made; OD_E_NOT_FOUND: the key is new;
// OD_E_EXISTS: it was used with another body.
od_status od_idempotency_find(sqlite3 *db, const od_idempotency *request, int64_t *id,
                              od_error *error) OD_MUST_CHECK;

// Remembers the key, and forgets those older than a day.
od_status od_idempotency_insert(sqlite3 *db, const od_idempotency *request, int64_t id,
                                int64_t now_ms, od_error *error) OD_MUST_CHECK;

#endif
