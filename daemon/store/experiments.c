// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/experiments.h"

#include "daemon/store/sql.h"

#include <inttypes.h>
#include <stdlib.h>

#define COLUMNS "id, name, base, vary, created_at_ms"

static const od_sql_field fields[] = {
    {offsetof(od_experiment, id), 'i'},
    {offsetof(od_experiment, name), 't'},
    {offsetof(od_experiment, base), 't'},
    {offsetof(od_experiment, vary), 't'},
    {offsetof(od_experiment, created_at_ms), 'i'},
};
static const od_sql_shape shape = {fields, sizeof fields / sizeof fields[0], sizeof(od_experiment)};

void od_experiment_fini(od_experiment *experiment) {
    od_sql_free_rows(&shape, experiment, 1);
}

void od_experiment_list_fini(od_experiment_list *list) {
    od_sql_free_rows(&shape, list->items, list->count);
    free(list->items);
    *list = (od_experiment_list){0};
}

od_status od_experiments_get(sqlite3 *db, int64_t id, od_experiment *out, od_error *error) {
    od_status status = od_sql_row(db, "SELECT " COLUMNS " FROM experiments WHERE id = ?1",
                                  OD_SQL(od_sql_i(id)), &shape, out, error);
    if (status == OD_E_NOT_FOUND) {
        return od_error_set(error, status, "there is no experiment %" PRId64, id);
    }
    return status;
}

od_status od_experiments_list(sqlite3 *db, int64_t before_id, size_t limit, od_experiment_list *out,
                              od_error *error) {
    void *items;
    OD_TRY(od_sql_rows(db,
                       "SELECT " COLUMNS " FROM experiments WHERE id < ?1"
                       " ORDER BY id DESC LIMIT ?2",
                       OD_SQL(od_sql_i(before_id > 0 ? before_id : INT64_MAX),
                              od_sql_i(limit > 0 ? (int64_t)limit : -1)),
                       &shape, &items, &out->count, error));
    out->items = items;
    return OD_OK;
}

od_status od_experiments_insert(sqlite3 *db, const char *name, const char *base, const char *vary,
                                int64_t created_at_ms, int64_t *id, od_error *error) {
    OD_TRY(od_sql_run(
        db,
        "INSERT INTO experiments (name, base, vary, created_at_ms)"
        " VALUES (?1, ?2, ?3, ?4)",
        OD_SQL(od_sql_t(name), od_sql_t(base), od_sql_t(vary), od_sql_i(created_at_ms)), error));
    *id = sqlite3_last_insert_rowid(db);
    return OD_OK;
}
