// SPDX-License-Identifier: Apache-2.0
// SQLite without the ceremony: statements with bound parameters only, prepared once for each
// connection, rows read into structs by a table of fields.
#ifndef OD_DAEMON_STORE_SQL_H
#define OD_DAEMON_STORE_SQL_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct od_sql_value {
    char type; // 'i' integer, 'd' double, 't' text, 0 ends a list
    int64_t i;
    double d;
    const char *t;
} od_sql_value;

static inline od_sql_value od_sql_i(int64_t value) {
    return (od_sql_value){.type = 'i', .i = value};
}
static inline od_sql_value od_sql_d(double value) { // NaN becomes NULL
    return (od_sql_value){.type = 'd', .d = value};
}
static inline od_sql_value od_sql_t(const char *value) { // NULL becomes NULL
    return (od_sql_value){.type = 't', .t = value};
}

// The values of ?1, ?2, … of a statement.
#define OD_SQL(...) ((const od_sql_value[]){__VA_ARGS__, {0}})
#define OD_SQL_NONE ((const od_sql_value[]){{0}})

// OD_E_DATABASE (OD_E_IO: disk full or broken, OD_E_NO_MEMORY, OD_E_CORRUPT) with SQLite's message.
od_status od_sql_error(sqlite3 *db, od_error *error);

// Takes sql (a string that lives as long as the program) from the connection's prepared statements
// and binds values. Ends with od_sql_end in every case of OD_OK.
od_status od_sql_begin(sqlite3 *db, const char *sql, const od_sql_value *values, sqlite3_stmt **out,
                       od_error *error) OD_MUST_CHECK;
// *row: there is a row to read.
od_status od_sql_next(sqlite3_stmt *statement, bool *row, od_error *error) OD_MUST_CHECK;
void od_sql_end(sqlite3_stmt *statement);

// A statement without rows.
od_status od_sql_run(sqlite3 *db, const char *sql, const od_sql_value *values,
                     od_error *error) OD_MUST_CHECK;
// The first column of the first row, NULL as 0. OD_E_NOT_FOUND: no row (error->text is not set).
od_status od_sql_int(sqlite3 *db, const char *sql, const od_sql_value *values, int64_t *out,
                     od_error *error) OD_MUST_CHECK;
// Several statements without parameters.
od_status od_sql_script(sqlite3 *db, const char *sql, od_error *error) OD_MUST_CHECK;

// Column number i of a row goes to fields[i]. Types: 'i' int64_t (NULL: 0), 'd' double (NULL: NaN),
// 't' char * (owned; NULL: NULL), 's' an enum (int), 'b' bool.
typedef struct od_sql_field {
    size_t offset;
    char type;
} od_sql_field;

typedef struct od_sql_shape {
    const od_sql_field *fields;
    size_t count;
    size_t row_bytes;
} od_sql_shape;

// All rows into a new array of structs, *items (NULL when there are none). The text of
// OD_E_NOT_FOUND is not set: it is no failure to have no rows.
od_status od_sql_rows(sqlite3 *db, const char *sql, const od_sql_value *values,
                      const od_sql_shape *shape, void **items, size_t *count,
                      od_error *error) OD_MUST_CHECK;
// The first row into *out. OD_E_NOT_FOUND: no row (error->text is not set).
od_status od_sql_row(sqlite3 *db, const char *sql, const od_sql_value *values,
                     const od_sql_shape *shape, void *out, od_error *error) OD_MUST_CHECK;

// Frees the texts of rows, and zeroes them.
void od_sql_free_rows(const od_sql_shape *shape, void *items, size_t count);

// Finalizes the connection's statements and closes it. NULL is fine.
void od_sql_close(sqlite3 *db);

#endif
