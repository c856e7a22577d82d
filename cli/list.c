// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/url.h"
#include "cli/value.h"

static const od_option options[] = {
    {"state", "STATES", "only these, with commas between them", '\0'},
    {"label", "KEY=VALUE", "only jobs with this label", '\0'},
    {"experiment", "ID", "only this experiment's", '\0'},
    {"limit", "N", "at most N jobs, 1 to 500 (default 100)", 'n'},
    {"cursor", "CURSOR", "go on where an earlier list ended", '\0'},
    {0},
};

static const od_column columns[] = {
    {"ID", true},       {"NAME", false},     {"STATE", false},
    {"PROGRESS", true}, {"LEFT", true},      {"CONNECTION", false},
    {"MODEL", false},   {"VAL/ACC@1", true}, {"CREATED (UTC)", false},
};

static void add_job(od_table *table, const cJSON *job) {
    char text[OD_VALUE_TEXT_BYTES];
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(job, "progress");
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(job, "metrics");
    const cJSON *accuracy = cJSON_GetObjectItemCaseSensitive(metrics, "val/acc@1");
    double left = od_value_number(progress, "eta_s", -1);
    od_value_cell(table, cJSON_GetObjectItemCaseSensitive(job, "id"));
    od_table_add(table, od_value_text(job, "name"));
    od_table_add(table, od_value_text(job, "state"));
    od_table_add(table, od_value_progress(text, progress));
    od_table_add(table, left >= 0 ? od_value_duration(text, left) : NULL);
    od_table_add(table, od_value_text(job, "connection"));
    od_table_add(table, od_value_text(job, "model"));
    od_value_cell(table, cJSON_GetObjectItemCaseSensitive(accuracy, "last"));
    od_table_add(table, od_value_time(text, od_value_text(job, "created_at")));
}

static od_status show(od_cli *cli, const cJSON *answer) {
    (void)cli;
    od_table table = {columns, sizeof columns / sizeof columns[0], {0}, false};
    const cJSON *job = NULL;
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(answer, "jobs")) {
        add_job(&table, job);
    }
    OD_TRY(od_table_print(&table, stdout));
    const char *next = od_value_text(answer, "next");
    return *next != '\0' ? od_cli_say("There are more: --cursor %s", next) : OD_OK;
}

static od_status make_path(const od_cli *cli, od_buffer *path) {
    OD_TRY(od_buffer_append_text(path, "/jobs"));
    for (const od_option *option = options; option->name != NULL; option++) {
        OD_TRY(od_url_add(path, option->name, od_options_get(&cli->options, option->name)));
    }
    return OD_OK;
}

static od_status run(od_cli *cli, od_error *error) {
    const char *limit = od_options_get(&cli->options, "limit");
    int64_t number = 0;
    if (limit != NULL) {
        OD_TRY(od_options_number("--limit", limit, 1, 500, &number, error));
    }
    od_buffer path = {0};
    od_status status = make_path(cli, &path);
    if (status == OD_OK) {
        status = od_cli_ask(cli, &(od_request){.path = path.data}, show, error);
    }
    od_buffer_fini(&path);
    return status;
}

const od_command od_command_list = {
    .name = "list",
    .purpose = "list jobs, the newest first",
    .operands = "",
    .options = options,
    .run = run,
};
