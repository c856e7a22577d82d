// SPDX-License-Identifier: Apache-2.0
#include "cli/rows.h"

#include "cli/value.h"

#include "base/json.h"

#include <inttypes.h>

od_status od_rows_show(const cJSON *array, const od_row_cell *cells, size_t count) {
    od_column columns[OD_TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < count; i++) {
        columns[i] = cells[i].column;
    }
    od_table table = {columns, count, {0}, false};
    const cJSON *object = NULL;
    cJSON_ArrayForEach(object, array) {
        for (size_t i = 0; i < count; i++) {
            od_value_cell(&table, od_json_at(object, cells[i].key));
        }
    }
    return od_table_print(&table, stdout);
}

od_status od_rows_ask_by_id(od_cli *cli, const char *what, const char *prefix, const char *suffix,
                            od_cli_show show, od_error *error) {
    int64_t id = 0;
    char path[OD_CLI_PATH_BYTES];
    OD_TRY(od_cli_id(what, cli->options.operands[0], &id, error));
    snprintf(path, sizeof path, "%s%" PRId64 "%s", prefix, id, suffix);
    return od_cli_ask(cli, &(od_request){.path = path}, show, error);
}
