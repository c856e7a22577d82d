// SPDX-License-Identifier: Apache-2.0
// An array of the server's objects as a table, by a description.
#ifndef OD_CLI_ROWS_H
#define OD_CLI_ROWS_H

#include "cli/cli.h"
#include "cli/table.h"

typedef struct od_row_cell {
    od_column column;
    const char *key; // of the object; "a.b" is member b of its member a
} od_row_cell;

// One row for each object of array, with the members that cells names. OD_E_NO_MEMORY.
od_status od_rows_show(const cJSON *array, const od_row_cell *cells, size_t count) OD_MUST_CHECK;

// GET PREFIX ID SUFFIX, where ID is the command's first operand, an id of `what`.
od_status od_rows_ask_by_id(od_cli *cli, const char *what, const char *prefix, const char *suffix,
                            od_cli_show show, od_error *error) OD_MUST_CHECK;

#endif
