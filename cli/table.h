// SPDX-License-Identifier: Apache-2.0
// Rows and columns for people: columns as wide as their widest cell, two spaces between them, no
// blanks at the ends of lines. Cells are sanitised.
#ifndef OD_CLI_TABLE_H
#define OD_CLI_TABLE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdio.h>

enum { OD_TABLE_COLUMNS_MAX = 16 };

typedef struct od_column {
    const char *title; // NULL in the first column: the table has no head
    bool right;        // numbers stand to the right
} od_column;

// {columns, count} is an empty table.
typedef struct od_table {
    const od_column *columns;
    size_t count;    // 1 to OD_TABLE_COLUMNS_MAX
    od_buffer cells; // each with a NUL, row by row
    bool failed;     // memory has run out
} od_table;

// The next cell; text NULL or "" shows as "-". A failure is told by od_table_print.
void od_table_add(od_table *table, const char *text);
void od_table_addf(od_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Prints all full rows and empties the table, whatever it returns: OD_OK or OD_E_NO_MEMORY.
od_status od_table_print(od_table *table, FILE *out) OD_MUST_CHECK;

// Columns of a terminal that text takes in the locale's encoding.
size_t od_table_width(const char *text);

#endif
