// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/rows.h"

static const od_option options[] = {{0}};

static const od_row_cell cells[] = {
    {{"ID", false}, "id"},
    {{"MODEL", false}, "model"},
    {{"SLOTS", true}, "slots"},
    {{"FREE", true}, "slots_free"},
    {{"THREADS", true}, "default_threads"},
    {{"MEMORY", true}, "memory_for_runs_bytes"},
    {{"FREE", true}, "memory_free_bytes"},
    {{"DRAINED", false}, "drained"},
};

static od_status show(od_cli *cli, const cJSON *answer) {
    (void)cli;
    return od_rows_show(cJSON_GetObjectItemCaseSensitive(answer, "devices"), cells,
                        sizeof cells / sizeof cells[0]);
}

static od_status run(od_cli *cli, od_error *error) {
    return od_cli_ask(cli, &(od_request){.path = "/devices"}, show, error);
}

const od_command od_command_devices = {
    .name = "devices",
    .purpose = "list what the server trains on",
    .operands = "",
    .options = options,
    .run = run,
};
