// SPDX-License-Identifier: Apache-2.0
// The attempts of a job cut the steps into ranges that follow each other: attempt a has
// (from_step(a), limit(a)], limit(a) = min { from_step(b) : b > a }. So a curve is read attempt by
// attempt along the primary key, in ascending steps, without sorting. Where single points are not
// wanted, the blocks that lie within a range stand for theirs, and only the points before the first
// and behind the last of these are read.
#include "daemon/store/curve.h"

#include "daemon/store/sql.h"

#include <math.h>
#include <stdlib.h>

// --- walking along a curve -----------------------------------------------------------------

// The steps (after, to] of an attempt that are part of the curve.
typedef struct range {
    int64_t attempt;
    int64_t after;
    int64_t to;
} range;

typedef struct walk {
    sqlite3 *db;
    int64_t series;
    bool by_blocks;
    od_span_visit visit;
    void *ctx;
    range rest; // what is still to be visited
} walk;

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

// The points of the steps (rest.after, to].
static od_status visit_points(walk *w, int64_t to, od_error *error) {
    sqlite3_stmt *statement;
    OD_TRY(od_sql_begin(w->db,
                        "SELECT step, value FROM points WHERE series = ?1 AND attempt = ?2"
                        " AND step > ?3 AND step <= ?4 ORDER BY step",
                        OD_SQL(od_sql_i(w->series), od_sql_i(w->rest.attempt),
                               od_sql_i(w->rest.after), od_sql_i(to)),
                        &statement, error));
    od_status status;
    bool row;
    while ((status = od_sql_next(statement, &row, error)) == OD_OK && row) {
        bool nan = sqlite3_column_type(statement, 1) == SQLITE_NULL;
        const od_point point = {sqlite3_column_int64(statement, 0),
                                nan ? (double)NAN : sqlite3_column_double(statement, 1)};
        const od_span span = od_span_of(&point);
        status = w->visit(w->ctx, &span, error);
        if (status != OD_OK) {
            break;
        }
    }
    od_sql_end(statement);
    return status;
}

// Blocks follow each other without a gap, so that points are found before the first one only.
static od_status visit_block(void *ctx, const od_span *block, od_error *error) {
    walk *w = ctx;
    if (w->by_blocks) {
        OD_TRY(visit_points(w, block->first_step - 1, error));
        w->by_blocks = false;
    }
    w->rest.after = block->last.step;
    return w->visit(w->ctx, block, error);
}

static od_status visit_range(walk *w, od_error *error) {
    if (w->rest.after >= w->rest.to) {
        return OD_OK;
    }
    bool by_blocks = w->by_blocks;
    if (by_blocks) {
        OD_TRY(od_blocks_walk(w->db, w->series, w->rest.attempt, w->rest.after, w->rest.to,
                              visit_block, w, error));
        w->by_blocks = true;
    }
    return visit_points(w, w->rest.to, error);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static od_status visit_curve(walk *w, int64_t from_step, int64_t to_step, od_error *error) {
    range *ranges;
    size_t count;
    OD_TRY(read_ranges(w->db, w->series, &ranges, &count, error));
    od_status status = OD_OK;
    for (size_t i = 0; i < count && status == OD_OK; i++) {
        // Steps are not negative, so from_step - 1 does not overflow.
        w->rest = (range){ranges[i].attempt, larger(ranges[i].after, larger(from_step, 0) - 1),
                          smaller(ranges[i].to, to_step)};
        status = visit_range(w, error);
    }
    free(ranges);
    return status;
}

static od_status append_span(void *ctx, const od_span *span, od_error *error) {
    (void)error;
    od_span_append(ctx, span);
    return OD_OK;
}

od_status od_curve_summarize(sqlite3 *db, int64_t series, od_span *out, od_error *error) {
    walk w = {.db = db, .series = series, .by_blocks = true, .visit = append_span, .ctx = out};
    *out = (od_span){0};
    return visit_curve(&w, 0, INT64_MAX, error);
}

// --- downsampling --------------------------------------------------------------------------

typedef struct sampler {
    od_curve *curve;
    size_t capacity;
    int64_t index;   // of the next point
    int64_t buckets; // 0: every point is kept
    int64_t bucket;  // whose points are in span
    od_span span;
} sampler;

static od_status keep(sampler *sampling, const od_point *at, od_error *error) {
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
    const od_span span = sampling->span;
    sampling->span = (od_span){0};
    if (span.count == 0) {
        return OD_OK;
    }
    const od_point *first = span.low.step <= span.high.step ? &span.low : &span.high;
    const od_point *second = first == &span.low ? &span.high : &span.low;
    if (!isnan(first->value) && first->step < span.last.step) {
        OD_TRY(keep(sampling, first, error));
    }
    if (!isnan(second->value) && second->step != first->step && second->step < span.last.step) {
        OD_TRY(keep(sampling, second, error));
    }
    return keep(sampling, &span.last, error);
}

static od_status sample(void *ctx, const od_span *span, od_error *error) {
    sampler *sampling = ctx;
    if (sampling->buckets == 0) {
        return keep(sampling, &span->last, error);
    }
    int64_t bucket = (int64_t)((double)sampling->index * (double)sampling->buckets /
                               (double)sampling->curve->count);
    sampling->index += span->count;
    if (bucket != sampling->bucket) {
        OD_TRY(flush(sampling, error));
        sampling->bucket = bucket;
    }
    od_span_append(&sampling->span, span);
    return OD_OK;
}

static od_status count_points(void *ctx, const od_span *span, od_error *error) {
    (void)error;
    *(int64_t *)ctx += span->count;
    return OD_OK;
}

void od_curve_fini(od_curve *curve) {
    free(curve->steps);
    free(curve->values);
    *curve = (od_curve){0};
}

od_status od_curve_read(sqlite3 *db, int64_t series, int64_t from_step, int64_t to_step,
                        size_t max_points, od_curve *out, od_error *error) {
    sampler sampling = {.curve = out};
    walk counting = {.db = db, .series = series, .by_blocks = true, .visit = count_points};
    *out = (od_curve){0};
    counting.ctx = &out->count;
    OD_TRY(visit_curve(&counting, from_step, to_step, error));
    if (max_points > 0 && out->count > (int64_t)max_points) {
        sampling.buckets = larger((int64_t)max_points / 3, 1);
    }
    walk reading = {.db = db, .series = series, .visit = sample, .ctx = &sampling};
    reading.by_blocks = sampling.buckets > 0 && out->count / sampling.buckets >= OD_BLOCK_POINTS;
    od_status status = visit_curve(&reading, from_step, to_step, error);
    if (status == OD_OK) {
        status = flush(&sampling, error);
    }
    if (status != OD_OK) {
        od_curve_fini(out);
    }
    return status;
}
