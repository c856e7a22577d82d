// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/idempotency.h"

#include "daemon/store/sql.h"

#include <stdlib.h>
#include <string.h>

static const int64_t KEPT_MS = INT64_C(24) * 60 * 60 * 1000;

typedef struct row {
    int64_t response;
    char *digest;
    char *body;
} row;

static const od_sql_field fields[] = {
    {offsetof(row, response), 'i'}, {offsetof(row, digest), 't'}, {offsetof(row, body), 't'}};
static const od_sql_shape shape = {fields, 3, sizeof(row)};

od_status od_idempotency_find(sqlite3 *db, const od_idempotency *request, int64_t *id, char **body,
                              od_error *error) {
    row found;
    od_status status =
        od_sql_row(db, "SELECT response, digest, body FROM idempotency WHERE key = ?1",
                   OD_SQL(od_sql_t(request->key)), &shape, &found, error);
    if (status == OD_E_NOT_FOUND) {
        return od_error_set(error, status, "the Idempotency-Key is new");
    }
    if (status != OD_OK) {
        return status;
    }
    bool same = strcmp(found.digest, request->digest) == 0;
    *id = found.response;
    *body = same ? found.body : NULL;
    found.body = same ? NULL : found.body;
    od_sql_free_rows(&shape, &found, 1);
    return same ? OD_OK
                : od_error_set(error, OD_E_EXISTS,
                               "this Idempotency-Key was used with another body; use a new key");
}

od_status od_idempotency_insert(sqlite3 *db, const od_idempotency *request, int64_t id,
                                const char *body, int64_t now_ms, od_error *error) {
    OD_TRY(od_sql_run(db, "DELETE FROM idempotency WHERE created_at_ms < ?1",
                      OD_SQL(od_sql_i(now_ms - KEPT_MS)), error));
    return od_sql_run(db,
                      "INSERT INTO idempotency (key, digest, response, created_at_ms, body)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      OD_SQL(od_sql_t(request->key), od_sql_t(request->digest), od_sql_i(id),
                             od_sql_i(now_ms), od_sql_t(body)),
                      error);
}
