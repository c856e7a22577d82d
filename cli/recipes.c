// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/rows.h"

static const od_option options[] = {{0}};

static const od_row_cell cells[] = {
    {{"NAME", false}, "name"},
    {{"KIND", false}, "kind"},
};

static od_status show(od_cli *cli, const cJSON *answer) {
    (void)cli;
    return od_rows_show(cJSON_GetObjectItemCaseSensitive(answer, "recipes"), cells,
                        sizeof cells / sizeof cells[0]);
}

static od_status run(od_cli *cli, od_error *error) {
    return od_cli_ask(cli, &(od_request){.path = "/recipes"}, show, error);
}

const od_command od_command_recipes = {
    .name = "recipes",
    .purpose = "list the ready specs of the server",
    .operands = "",
    .options = options,
    .run = run,
};
