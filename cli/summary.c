// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/rows.h"
#include "cli/value.h"

static const od_option options[] = {{0}};

static const od_row_cell arms[] = {
    {{"ARM", false}, "variant"},
    {{"VALUES", true}, "count"},
    {{"MEAN", true}, "mean"},
    {{"STD", true}, "std"},
};
static const od_row_cell differences[] = {
    {{"FROM", false}, "a"},   {{"TO", false}, "b"},   {{"PAIRS", true}, "count"},
    {{"MEAN", true}, "mean"}, {{"STD", true}, "std"}, {{"95 % INTERVAL", false}, "interval"},
};

static od_status show(od_cli *cli, const cJSON *answer) {
    (void)cli;
    const cJSON *pairs = cJSON_GetObjectItemCaseSensitive(answer, "differences");
    OD_TRY(od_cli_say("experiment %.0f %s: %s: %s", od_value_number(answer, "id", 0),
                      od_value_text(answer, "state"), od_value_text(answer, "name"),
                      od_value_text(answer, "series")));
    OD_TRY(od_rows_show(cJSON_GetObjectItemCaseSensitive(answer, "arms"), arms,
                        sizeof arms / sizeof arms[0]));
    if (cJSON_GetArraySize(pairs) == 0) {
        return OD_OK;
    }
    putchar('\n');
    return od_rows_show(pairs, differences, sizeof differences / sizeof differences[0]);
}

static od_status run(od_cli *cli, od_error *error) {
    return od_rows_ask_by_id(cli, "experiment", "/experiments/", "/summary", show, error);
}

const od_command od_command_summary = {
    .name = "summary",
    .purpose = "show an experiment's arms and their differences, paired by seed",
    .operands = "EXPERIMENT",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
