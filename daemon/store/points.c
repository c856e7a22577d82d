// SPDX-License-Identifier: Apache-2.0
// The attempts of a job cut the steps into ranges that follow each other: attempt a has
// (from_step(a), limit(a)], limit(a) = min { from_step(b) : b > a }. So a curve is read attempt by
// attempt along the primary key, in ascending steps, without sorting.
#include "daemon/store/points.h"

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

// --- walking along a curve -----------------------------------------------------------------

typedef struct point {
    int64_t step;
    double value;
} point;

typedef od_status (*visit_fn)(void *ctx, const point *at, od_error *error);

// The steps (after, to] of an attempt that are part of the curve.
typedef struct range {
    int64_t attempt;
    int64_t after;
    int64_t to;
} range;

// The ranges of all attempts that have started, in their order. free(*out).
static od_status read_ranges(sqlite3 *db, int64_t series, range **out, size_t *count,
                             od_error *error) {
    static const od_sql_field fields[] = {{offsetof(range, attempt), 'i'},
                                          {offsetof(range, after), 'i'}};
    static const od_sql_shape shape = {fields, 2, sizeof(range)};
    void *items;
    OD_TRY(od_sql_rows(db,
                       "SELECT attempt, from_step FROM attempts WHERE from_step IS NOT NULL"
                       " AND job = (SELECT job FROM series WHERE id = ?1) ORDER BY attempt",
                       OD_SQL(od_sql_i(series)), &shape, &items, count, error));
    range *ranges = items;
    int64_t limit = INT64_MAX;
    for (size_t i = *count; i-- > 0;) {
        ranges[i].to = limit;
        limit = ranges[i].after < limit ? ranges[i].after : limit;
    }
    if (*count > 0) {
        ranges[0].after = -1; // the first one has all that is there
    }
    *out = ranges;
    return OD_OK;
}

static od_status visit_range(sqlite3 *db, int64_t series, const range *within, visit_fn visit,
                             void *ctx, od_error *error) {
    sqlite3_stmt *statement;
    OD_TRY(od_sql_begin(db,
                        "SELECT step, value FROM points WHERE series = ?1 AND attempt = ?2"
                        " AND step > ?3 AND step <= ?4 ORDER BY step",
                        OD_SQL(od_sql_i(series), od_sql_i(within->attempt), od_sql_i(within->after),
                               od_sql_i(within->to)),
                        &statement, error));
    od_status status;
    bool row;
    while ((status = od_sql_next(statement, &row, error)) == OD_OK && row) {
        bool nan = sqlite3_column_type(statement, 1) == SQLITE_NULL;
        point at = {sqlite3_column_int64(statement, 0),
                    nan ? (double)NAN : sqlite3_column_double(statement, 1)};
        status = visit(ctx, &at, error);
        if (status != OD_OK) {
            break;
        }
    }
    od_sql_end(statement);
    return status;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static od_status visit_curve(sqlite3 *db, int64_t series, int64_t from_step, int64_t to_step,
                             visit_fn visit, void *ctx, od_error *error) {
    range *ranges;
    size_t count;
    OD_TRY(read_ranges(db, series, &ranges, &count, error));
    od_status status = OD_OK;
    for (size_t i = 0; i < count && status == OD_OK; i++) {
        // Steps are not negative, so from_step - 1 does not overflow.
        range part = {ranges[i].attempt, larger(ranges[i].after, larger(from_step, 0) - 1),
                      smaller(ranges[i].to, to_step)};
        if (part.after < part.to) {
            status = visit_range(db, series, &part, visit, ctx, error);
        }
    }
    free(ranges);
    return status;
}

// --- downsampling --------------------------------------------------------------------------

typedef struct sampler {
    od_curve *curve;
    size_t capacity;
    int64_t index;   // of the next point
    int64_t buckets; // 0: every point is kept
    int64_t bucket;  // of the points in low, high, last
    bool any;        // the bucket has a point
    bool any_number; // low and high are there
    point low, high, last;
} sampler;

static od_status keep(sampler *sampling, const point *at, od_error *error) {
    od_curve *curve = sampling->curve;
    if (curve->size == sampling->capacity) {
        size_t capacity = sampling->capacity == 0 ? 256 : sampling->capacity * 2;
        int64_t *steps = reallocarray(curve->steps, capacity, sizeof *steps);
        curve->steps = steps != NULL ? steps : curve->steps;
        double *values = reallocarray(curve->values, capacity, sizeof *values);
        curve->values = values != NULL ? values : curve->values;
        if (steps == NULL || values == NULL) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory for %zu points", capacity);
        }
        sampling->capacity = capacity;
    }
    curve->steps[curve->size] = at->step;
    curve->values[curve->size++] = at->value;
    return OD_OK;
}

// Keeps minimum, maximum and last of the bucket, each once, in the order of their steps.
static od_status flush(sampler *sampling, od_error *error) {
    if (!sampling->any) {
        return OD_OK;
    }
    const point *first =
        sampling->low.step <= sampling->high.step ? &sampling->low : &sampling->high;
    const point *second = first == &sampling->low ? &sampling->high : &sampling->low;
    if (sampling->any_number && first->step < sampling->last.step) {
        OD_TRY(keep(sampling, first, error));
    }
    if (sampling->any_number && second->step != first->step && second->step < sampling->last.step) {
        OD_TRY(keep(sampling, second, error));
    }
    sampling->any = false;
    sampling->any_number = false;
    return keep(sampling, &sampling->last, error);
}

static od_status sample(void *ctx, const point *at, od_error *error) {
    sampler *sampling = ctx;
    if (sampling->buckets == 0) {
        return keep(sampling, at, error);
    }
    int64_t bucket = (int64_t)((double)sampling->index++ * (double)sampling->buckets /
                               (double)sampling->curve->count);
    if (bucket != sampling->bucket) {
        OD_TRY(flush(sampling, error));
        sampling->bucket = bucket;
    }
    if (!isnan(at->value)) {
        if (!sampling->any_number || at->value < sampling->low.value) {
            sampling->low = *at;
        }
        if (!sampling->any_number || at->value > sampling->high.value) {
            sampling->high = *at;
        }
        sampling->any_number = true;
    }
    sampling->last = *at;
    sampling->any = true;
    return OD_OK;
}

static od_status count_point(void *ctx, const point *at, od_error *error) {
    (void)at;
    (void)error;
    ++*(int64_t *)ctx;
    return OD_OK;
}

void od_curve_fini(od_curve *curve) {
    free(curve->steps);
    free(curve->values);
    *curve = (od_curve){0};
}

od_status od_points_curve(sqlite3 *db, int64_t series, int64_t from_step, int64_t to_step,
                          size_t max_points, od_curve *out, od_error *error) {
    sampler sampling = {.curve = out};
    *out = (od_curve){0};
    OD_TRY(visit_curve(db, series, from_step, to_step, count_point, &out->count, error));
    if (max_points > 0 && out->count > (int64_t)max_points) {
        sampling.buckets = larger((int64_t)max_points / 3, 1);
    }
    od_status status = visit_curve(db, series, from_step, to_step, sample, &sampling, error);
    if (status == OD_OK) {
        status = flush(&sampling, error);
    }
    if (status != OD_OK) {
        od_curve_fini(out);
    }
    return status;
}

// --- adding --------------------------------------------------------------------------------

static od_status find_series(sqlite3 *db, int64_t job, const char *name, int64_t *id,
                             od_error *error) {
    const od_sql_value *values = OD_SQL(od_sql_i(job), od_sql_t(name));
    od_status status =
        od_sql_int(db, "SELECT id FROM series WHERE job = ?1 AND name = ?2", values, id, error);
    if (status != OD_E_NOT_FOUND) {
        return status;
    }
    OD_TRY(od_sql_run(db, "INSERT INTO series (job, name) VALUES (?1, ?2)", values, error));
    *id = sqlite3_last_insert_rowid(db);
    return OD_OK;
}

od_status od_points_add(sqlite3 *db, int64_t job, int64_t attempt, const char *name, int64_t step,
                        double value, od_error *error) {
    int64_t series;
    OD_TRY(find_series(db, job, name, &series, error));
    OD_TRY(od_sql_run(db,
                      "INSERT INTO points (series, attempt, step, value) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT DO NOTHING",
                      OD_SQL(od_sql_i(series), od_sql_i(attempt), od_sql_i(step), od_sql_d(value)),
                      error));
    if (sqlite3_changes(db) == 0) {
        return OD_OK;
    }
    // A comparison with NULL is no truth, so the first number needs its own case and a NaN has none.
    return od_sql_run(db,
                      "UPDATE series SET last = ?3, last_step = ?2, count = count + 1,"
                      " min = iif(min IS NULL OR ?3 < min, ?3, min),"
                      " min_step = iif((min IS NULL AND ?3 IS NOT NULL) OR ?3 < min, ?2, min_step),"
                      " max = iif(max IS NULL OR ?3 > max, ?3, max),"
                      " max_step = iif((max IS NULL AND ?3 IS NOT NULL) OR ?3 > max, ?2, max_step)"
                      " WHERE id = ?1",
                      OD_SQL(od_sql_i(series), od_sql_i(step), od_sql_d(value)), error);
}

// --- counting anew -------------------------------------------------------------------------

static od_status summarize(void *ctx, const point *at, od_error *error) {
    od_series *series = ctx;
    (void)error;
    series->count++;
    series->last = at->value;
    series->last_step = at->step;
    if (at->value < series->min || (isnan(series->min) && !isnan(at->value))) {
        series->min = at->value;
        series->min_step = at->step;
    }
    if (at->value > series->max || (isnan(series->max) && !isnan(at->value))) {
        series->max = at->value;
        series->max_step = at->step;
    }
    return OD_OK;
}

static od_status recount_series(sqlite3 *db, int64_t id, od_error *error) {
    od_series s = {.last = (double)NAN, .min = (double)NAN, .max = (double)NAN};
    OD_TRY(visit_curve(db, id, 0, INT64_MAX, summarize, &s, error));
    return od_sql_run(db,
                      "UPDATE series SET last = ?2, last_step = ?3, min = ?4, min_step = ?5,"
                      " max = ?6, max_step = ?7, count = ?8 WHERE id = ?1",
                      OD_SQL(od_sql_i(id), od_sql_d(s.last), od_sql_i(s.last_step), od_sql_d(s.min),
                             od_sql_i(s.min_step), od_sql_d(s.max), od_sql_i(s.max_step),
                             od_sql_i(s.count)),
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
