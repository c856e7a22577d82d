// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/points.h"

#include "daemon/store/curve.h"
#include "daemon/store/sql.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_COLUMNS "id, job, name, last, last_step, min, min_step, max, max_step, count"

static const od_sql_field series_fields[] = {
    {offsetof(od_series, id), 'i'},        {offsetof(od_series, job), 'i'},
    {offsetof(od_series, name), 't'},      {offsetof(od_series, last), 'd'},
    {offsetof(od_series, last_step), 'i'}, {offsetof(od_series, min), 'd'},
    {offsetof(od_series, min_step), 'i'},  {offsetof(od_series, max), 'd'},
    {offsetof(od_series, max_step), 'i'},  {offsetof(od_series, count), 'i'},
};
static const od_sql_shape series_shape = {
    series_fields, sizeof series_fields / sizeof series_fields[0], sizeof(od_series)};

void od_series_list_fini(od_series_list *list) {
    od_sql_free_rows(&series_shape, list->items, list->count);
    free(list->items);
    *list = (od_series_list){0};
}

od_status od_points_series(sqlite3 *db, int64_t job, od_series_list *out, od_error *error) {
    void *items;
    OD_TRY(od_sql_rows(db,
                       "SELECT " SERIES_COLUMNS " FROM series WHERE job = ?1 AND count > 0"
                       " ORDER BY name",
                       OD_SQL(od_sql_i(job)), &series_shape, &items, &out->count, error));
    out->items = items;
    return OD_OK;
}

// --- adding --------------------------------------------------------------------------------

// What is known of a series before a point is added.
typedef struct present {
    int64_t id;
    int64_t count;
    int64_t last_step;
    int64_t loose; // points of the newest attempt that are in no block
} present;

static od_status find_series(sqlite3 *db, int64_t job, const char *name, present *out,
                             od_error *error) {
    static const od_sql_field fields[] = {{offsetof(present, id), 'i'},
                                          {offsetof(present, count), 'i'},
                                          {offsetof(present, last_step), 'i'},
                                          {offsetof(present, loose), 'i'}};
    static const od_sql_shape shape = {fields, sizeof fields / sizeof fields[0], sizeof(present)};
    const od_sql_value *values = OD_SQL(od_sql_i(job), od_sql_t(name));
    od_status status = od_sql_row(
        db, "SELECT id, count, last_step, loose FROM series WHERE job = ?1 AND name = ?2", values,
        &shape, out, error);
    if (status != OD_E_NOT_FOUND) {
        return status;
    }
    OD_TRY(od_sql_run(db, "INSERT INTO series (job, name) VALUES (?1, ?2)", values, error));
    *out = (present){.id = sqlite3_last_insert_rowid(db)};
    return OD_OK;
}

static od_status update_series(sqlite3 *db, const present *series, int64_t step, double value,
                               od_error *error) {
    // A comparison with NULL is no truth, so the first number needs its own case and a NaN has none.
    return od_sql_run(
        db,
        "UPDATE series SET count = count + 1, loose = ?4,"
        " last = iif(?2 >= last_step, ?3, last), last_step = max(?2, last_step),"
        " min = iif(min IS NULL OR ?3 < min, ?3, min),"
        " min_step = iif((min IS NULL AND ?3 IS NOT NULL) OR ?3 < min, ?2, min_step),"
        " max = iif(max IS NULL OR ?3 > max, ?3, max),"
        " max_step = iif((max IS NULL AND ?3 IS NOT NULL) OR ?3 > max, ?2, max_step)"
        " WHERE id = ?1",
        OD_SQL(od_sql_i(series->id), od_sql_i(step), od_sql_d(value), od_sql_i(series->loose)),
        error);
}

od_status od_points_add(sqlite3 *db, int64_t job, int64_t attempt, const char *name, int64_t step,
                        double value, od_error *error) {
    present series;
    OD_TRY(find_series(db, job, name, &series, error));
    OD_TRY(od_sql_run(
        db,
        "INSERT INTO points (series, attempt, step, value) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO NOTHING",
        OD_SQL(od_sql_i(series.id), od_sql_i(attempt), od_sql_i(step), od_sql_d(value)), error));
    if (sqlite3_changes(db) == 0) {
        return OD_OK;
    }
    if (series.count > 0 && step <= series.last_step) {
        OD_TRY(od_blocks_open(db, series.id, attempt, step, error));
    }
    if (++series.loose >= OD_BLOCK_POINTS) {
        OD_TRY(od_blocks_close(db, series.id, attempt, &series.loose, error));
    }
    return update_series(db, &series, step, value, error);
}

// --- counting anew -------------------------------------------------------------------------

static od_status recount_series(sqlite3 *db, int64_t id, od_error *error) {
    const od_point none = {0, (double)NAN};
    od_span s;
    OD_TRY(od_curve_summarize(db, id, &s, error));
    s = s.count > 0 ? s : (od_span){.low = none, .high = none, .last = none};
    return od_sql_run(db,
                      "UPDATE series SET last = ?2, last_step = ?3, min = ?4, min_step = ?5,"
                      " max = ?6, max_step = ?7, count = ?8, loose = 0 WHERE id = ?1",
                      OD_SQL(od_sql_i(id), od_sql_d(s.last.value), od_sql_i(s.last.step),
                             od_sql_d(s.low.value), od_sql_i(isnan(s.low.value) ? 0 : s.low.step),
                             od_sql_d(s.high.value),
                             od_sql_i(isnan(s.high.value) ? 0 : s.high.step), od_sql_i(s.count)),
                      error);
}

od_status od_points_recount(sqlite3 *db, int64_t job, od_error *error) {
    od_series_list list = {0};
    OD_TRY(od_points_series(db, job, &list, error));
    od_status status = OD_OK;
    for (size_t i = 0; i < list.count && status == OD_OK; i++) {
        status = recount_series(db, list.items[i].id, error);
    }
    od_series_list_fini(&list);
    return status;
}
