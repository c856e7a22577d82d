// SPDX-License-Identifier: Apache-2.0
// SQLite keeps a list of a connection's statements; that list is the cache. It has some dozens of
// entries, so walking it costs less than a microsecond, and there is nothing to keep in step.
#include "daemon/store/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

od_status od_sql_error(sqlite3 *db, od_error *error) {
    static const struct {
        int code;
        od_status status;
    } map[] = {
        {SQLITE_FULL, OD_E_FULL},       {SQLITE_IOERR, OD_E_IO},
        {SQLITE_CANTOPEN, OD_E_IO},     {SQLITE_READONLY, OD_E_IO},
        {SQLITE_NOMEM, OD_E_NO_MEMORY}, {SQLITE_CORRUPT, OD_E_CORRUPT},
        {SQLITE_NOTADB, OD_E_CORRUPT},  {SQLITE_BUSY, OD_E_BUSY},
    };
    int code = sqlite3_errcode(db) & 0xff;
    od_status status = OD_E_DATABASE;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (map[i].code == code) {
            status = map[i].status;
        }
    }
    return od_error_set(error, status, "database: %s", sqlite3_errmsg(db));
}

static sqlite3_stmt *find_cached(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    while ((statement = sqlite3_next_stmt(db, statement)) != NULL) {
        if (!sqlite3_stmt_busy(statement) && strcmp(sqlite3_sql(statement), sql) == 0) {
            return statement;
        }
    }
    return NULL;
}

static int bind(sqlite3_stmt *statement, int index, const od_sql_value *value) {
    switch (value->type) {
    case 'i':
        return sqlite3_bind_int64(statement, index, value->i);
    case 'd': // SQLite stores NaN as NULL
        return sqlite3_bind_double(statement, index, value->d);
    default: // the text outlives the statement's use: od_sql_end comes before the caller's return
        return sqlite3_bind_text(statement, index, value->t, -1, SQLITE_STATIC);
    }
}

od_status od_sql_begin(sqlite3 *db, const char *sql, const od_sql_value *values, sqlite3_stmt **out,
                       od_error *error) {
    sqlite3_stmt *statement = find_cached(db, sql);
    *out = NULL;
    if (statement == NULL &&
        sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        return od_sql_error(db, error);
    }
    for (int i = 0; values[i].type != 0; i++) {
        if (bind(statement, i + 1, &values[i]) != SQLITE_OK) {
            od_status status = od_sql_error(db, error);
            od_sql_end(statement);
            return status;
        }
    }
    *out = statement;
    return OD_OK;
}

od_status od_sql_next(sqlite3_stmt *statement, bool *row, od_error *error) {
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return od_sql_error(sqlite3_db_handle(statement), error);
    }
    return OD_OK;
}

void od_sql_end(sqlite3_stmt *statement) {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

od_status od_sql_run(sqlite3 *db, const char *sql, const od_sql_value *values, od_error *error) {
    sqlite3_stmt *statement;
    bool row;
    OD_TRY(od_sql_begin(db, sql, values, &statement, error));
    od_status status = od_sql_next(statement, &row, error);
    od_sql_end(statement);
    return status;
}

od_status od_sql_int(sqlite3 *db, const char *sql, const od_sql_value *values, int64_t *out,
                     od_error *error) {
    static const od_sql_field field = {0, 'i'};
    static const od_sql_shape shape = {&field, 1, sizeof(int64_t)};
    return od_sql_row(db, sql, values, &shape, out, error);
}

od_status od_sql_script(sqlite3 *db, const char *sql, od_error *error) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return od_sql_error(db, error);
    }
    return OD_OK;
}

static od_status read_text(sqlite3_stmt *statement, int column, char **out, od_error *error) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (text == NULL) {
        *out = NULL;
        return OD_OK;
    }
    *out = strdup(text);
    return *out != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for a row");
}

static od_status read_field(sqlite3_stmt *statement, int column, char type, void *out,
                            od_error *error) {
    bool null = sqlite3_column_type(statement, column) == SQLITE_NULL;
    switch (type) {
    case 'i':
        *(int64_t *)out = sqlite3_column_int64(statement, column);
        return OD_OK;
    case 'd':
        *(double *)out = null ? (double)NAN : sqlite3_column_double(statement, column);
        return OD_OK;
    case 's':
        *(int *)out = sqlite3_column_int(statement, column);
        return OD_OK;
    case 'b':
        *(bool *)out = sqlite3_column_int(statement, column) != 0;
        return OD_OK;
    default:
        return read_text(statement, column, out, error);
    }
}

static od_status read_row(sqlite3_stmt *statement, const od_sql_shape *shape, char *row,
                          od_error *error) {
    memset(row, 0, shape->row_bytes);
    for (size_t i = 0; i < shape->count; i++) {
        const od_sql_field *field = &shape->fields[i];
        od_status status = read_field(statement, (int)i, field->type, row + field->offset, error);
        if (status != OD_OK) {
            od_sql_free_rows(shape, row, 1);
            return status;
        }
    }
    return OD_OK;
}

od_status od_sql_row(sqlite3 *db, const char *sql, const od_sql_value *values,
                     const od_sql_shape *shape, void *out, od_error *error) {
    sqlite3_stmt *statement;
    bool row = false;
    OD_TRY(od_sql_begin(db, sql, values, &statement, error));
    od_status status = od_sql_next(statement, &row, error);
    if (status == OD_OK) {
        status = row ? read_row(statement, shape, out, error) : OD_E_NOT_FOUND;
    }
    od_sql_end(statement);
    return status;
}

// Makes room for one more row in an array that doubles.
static od_status grow(char **items, size_t count, size_t *capacity, size_t row_bytes,
                      od_error *error) {
    if (count < *capacity) {
        return OD_OK;
    }
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    char *larger = reallocarray(*items, wanted, row_bytes);
    if (larger == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %zu rows", wanted);
    }
    *items = larger;
    *capacity = wanted;
    return OD_OK;
}

static od_status read_rows(sqlite3_stmt *statement, const od_sql_shape *shape, char **items,
                           size_t *count, od_error *error) {
    size_t capacity = 0;
    for (;;) {
        bool row;
        OD_TRY(od_sql_next(statement, &row, error));
        if (!row) {
            return OD_OK;
        }
        OD_TRY(grow(items, *count, &capacity, shape->row_bytes, error));
        OD_TRY(read_row(statement, shape, *items + *count * shape->row_bytes, error));
        (*count)++;
    }
}

od_status od_sql_rows(sqlite3 *db, const char *sql, const od_sql_value *values,
                      const od_sql_shape *shape, void **items, size_t *count, od_error *error) {
    sqlite3_stmt *statement;
    char *rows = NULL;
    *items = NULL;
    *count = 0;
    OD_TRY(od_sql_begin(db, sql, values, &statement, error));
    od_status status = read_rows(statement, shape, &rows, count, error);
    od_sql_end(statement);
    if (status != OD_OK) {
        od_sql_free_rows(shape, rows, *count);
        free(rows);
        *count = 0;
        return status;
    }
    *items = rows;
    return OD_OK;
}

void od_sql_free_rows(const od_sql_shape *shape, void *items, size_t count) {
    for (size_t row = 0; row < count; row++) {
        char *start = (char *)items + row * shape->row_bytes;
        for (size_t i = 0; i < shape->count; i++) {
            if (shape->fields[i].type == 't') {
                free(*(char **)(start + shape->fields[i].offset));
            }
        }
        memset(start, 0, shape->row_bytes);
    }
}

void od_sql_close(sqlite3 *db) {
    sqlite3_stmt *statement;
    while (db != NULL && (statement = sqlite3_next_stmt(db, NULL)) != NULL) {
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
}
