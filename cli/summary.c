// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/rows.h"
#include "cli/url.h"
#include "cli/value.h"

#include <inttypes.h>

static const od_option options[] = {
    {"series", "NAME", "what to compare (default val/acc@1)", '\0'},
    {"half-width", "NUMBER", "what the seeds needed are for (default half of the mean)", '\0'},
    {0},
};

static const od_row_cell arms[] = {
    {{"ARM", false}, "variant"},
    {{"VALUES", true}, "count"},
    {{"MEAN", true}, "mean"},
    {{"STD", true}, "std"},
};
static const od_row_cell differences[] = {
    {{"FROM", false}, "a"},
    {{"TO", false}, "b"},
    {{"PAIRS", true}, "count"},
    {{"MEAN", true}, "mean"},
    {{"STD", true}, "std"},
    {{"95 % INTERVAL", false}, "interval"},
    {{"P", true}, "p_value"},
    {{"SEEDS", true}, "seeds_needed.count"},
    {{"FOR +-", true}, "seeds_needed.half_width"},
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

static od_status make_path(const od_options *given, int64_t id, od_buffer *path) {
    OD_TRY(od_buffer_printf(path, "/experiments/%" PRId64 "/summary", id));
    OD_TRY(od_url_add(path, "series", od_options_get(given, "series")));
    return od_url_add(path, "half_width", od_options_get(given, "half-width"));
}

static od_status run(od_cli *cli, od_error *error) {
    int64_t id = 0;
    od_buffer path = {0};
    OD_TRY(od_cli_id("experiment", cli->options.operands[0], &id, error));
    od_status status = make_path(&cli->options, id, &path);
    if (status == OD_OK) {
        status = od_cli_ask(cli, &(od_request){.path = path.data}, show, error);
    }
    od_buffer_fini(&path);
    return status;
}

const od_command od_command_summary = {
    .name = "summary",
    .purpose = "show an experiment's arms and their differences, paired by seed",
    .operands = "EXPERIMENT",
    .details = "P is the sign-flip test's; SEEDS is how many an interval of that half-width needs.",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
