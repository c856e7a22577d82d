// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/blocks.h"

#include "daemon/store/sql.h"

#include <math.h>

od_span od_span_of(const od_point *point) {
    return (od_span){
        .count = 1, .first_step = point->step, .low = *point, .high = *point, .last = *point};
}

void od_span_append(od_span *span, const od_span *next) {
    if (span->count == 0) {
        *span = *next;
        return;
    }
    if (next->low.value < span->low.value || isnan(span->low.value)) {
        span->low = next->low;
    }
    if (next->high.value > span->high.value || isnan(span->high.value)) {
        span->high = next->high;
    }
    span->last = next->last;
    span->count += next->count;
}

static double read_double(sqlite3_stmt *statement, int column) {
    bool null = sqlite3_column_type(statement, column) == SQLITE_NULL;
    return null ? (double)NAN : sqlite3_column_double(statement, column);
}

// --- writing -------------------------------------------------------------------------------

static od_status insert_block(sqlite3 *db, int64_t series, int64_t attempt, const od_span *span,
                              od_error *error) {
    return od_sql_run(
        db,
        "INSERT INTO blocks (series, attempt, first_step, count, min_step, min, max_step, max,"
        " last_step, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        OD_SQL(od_sql_i(series), od_sql_i(attempt), od_sql_i(span->first_step),
               od_sql_i(span->count), od_sql_i(span->low.step), od_sql_d(span->low.value),
               od_sql_i(span->high.step), od_sql_d(span->high.value), od_sql_i(span->last.step),
               od_sql_d(span->last.value)),
        error);
}

// Reads on from statement (step, value) and writes a block as often as one is full.
static od_status close_all(sqlite3 *db, sqlite3_stmt *statement, int64_t series, int64_t attempt,
                           int64_t *left, od_error *error) {
    od_span span = {0};
    for (bool row;;) {
        OD_TRY(od_sql_next(statement, &row, error));
        if (!row) {
            *left = span.count;
            return OD_OK;
        }
        const od_point point = {sqlite3_column_int64(statement, 0), read_double(statement, 1)};
        const od_span one = od_span_of(&point);
        od_span_append(&span, &one);
        if (span.count == OD_BLOCK_POINTS) {
            OD_TRY(insert_block(db, series, attempt, &span, error));
            span = (od_span){0};
        }
    }
}

od_status od_blocks_close(sqlite3 *db, int64_t series, int64_t attempt, int64_t *left,
                          od_error *error) {
    sqlite3_stmt *statement;
    OD_TRY(od_sql_begin(db,
                        "SELECT step, value FROM points WHERE series = ?1 AND attempt = ?2"
                        " AND step > coalesce((SELECT last_step FROM blocks WHERE series = ?1"
                        "  AND attempt = ?2 ORDER BY first_step DESC LIMIT 1), -1) ORDER BY step",
                        OD_SQL(od_sql_i(series), od_sql_i(attempt)), &statement, error));
    od_status status = close_all(db, statement, series, attempt, left, error);
    od_sql_end(statement);
    return status;
}

od_status od_blocks_open(sqlite3 *db, int64_t series, int64_t attempt, int64_t step,
                         od_error *error) {
    return od_sql_run(db,
                      "DELETE FROM blocks WHERE series = ?1 AND attempt = ?2 AND last_step >= ?3",
                      OD_SQL(od_sql_i(series), od_sql_i(attempt), od_sql_i(step)), error);
}

// --- reading -------------------------------------------------------------------------------

static od_status visit_rows(sqlite3_stmt *statement, od_span_visit visit, void *ctx,
                            od_error *error) {
    for (bool row;;) {
        OD_TRY(od_sql_next(statement, &row, error));
        if (!row) {
            return OD_OK;
        }
        const od_span span = {
            .first_step = sqlite3_column_int64(statement, 0),
            .count = sqlite3_column_int64(statement, 1),
            .low = {sqlite3_column_int64(statement, 2), read_double(statement, 3)},
            .high = {sqlite3_column_int64(statement, 4), read_double(statement, 5)},
            .last = {sqlite3_column_int64(statement, 6), read_double(statement, 7)},
        };
        OD_TRY(visit(ctx, &span, error));
    }
}

od_status od_blocks_walk(sqlite3 *db, int64_t series, int64_t attempt, int64_t after, int64_t to,
                         od_span_visit visit, void *ctx, od_error *error) {
    sqlite3_stmt *statement;
    OD_TRY(od_sql_begin(db,
                        "SELECT first_step, count, min_step, min, max_step, max, last_step, last"
                        " FROM blocks WHERE series = ?1 AND attempt = ?2 AND first_step > ?3"
                        " AND last_step <= ?4 ORDER BY first_step",
                        OD_SQL(od_sql_i(series), od_sql_i(attempt), od_sql_i(after), od_sql_i(to)),
                        &statement, error));
    od_status status = visit_rows(statement, visit, ctx, error);
    od_sql_end(statement);
    return status;
}
