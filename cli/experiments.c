// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/rows.h"

static const od_option options[] = {{0}};

static const od_row_cell cells[] = {
    {{"ID", true}, "id"},        {{"NAME", false}, "name"},          {{"STATE", false}, "state"},
    {{"JOBS", false}, "states"}, {{"CREATED", false}, "created_at"},
};

static od_status show(od_cli *cli, const cJSON *answer) {
    (void)cli;
    return od_rows_show(cJSON_GetObjectItemCaseSensitive(answer, "experiments"), cells,
                        sizeof cells / sizeof cells[0]);
}

static od_status run(od_cli *cli, od_error *error) {
    return od_cli_ask(cli, &(od_request){.path = "/experiments"}, show, error);
}

const od_command od_command_experiments = {
    .name = "experiments",
    .purpose = "list experiments",
    .operands = "",
    .options = options,
    .run = run,
};
