// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/url.h"
#include "cli/value.h"

#include <math.h>

static const od_option options[] = {
    {"series", "NAME", "what to compare (default val/acc@1)", '\0'},
    {0},
};

static const od_column columns[] = {
    {"JOB", true},  {"NAME", false}, {"CONNECTION", false}, {"POINTS", true},
    {"STEP", true}, {"LAST", true},  {"MIN", true},         {"MAX", true},
};

static void add_curve(od_table *table, const cJSON *values) {
    double least = INFINITY;
    double most = -INFINITY;
    const cJSON *value = NULL;
    cJSON_ArrayForEach(value, values) {
        if (cJSON_IsNumber(value)) {
            least = fmin(least, value->valuedouble);
            most = fmax(most, value->valuedouble);
        }
    }
    od_value_cell(table, cJSON_GetArrayItem(values, cJSON_GetArraySize(values) - 1));
    if (least <= most) {
        od_table_addf(table, "%.6g", least);
        od_table_addf(table, "%.6g", most);
    } else {
        od_table_add(table, NULL);
        od_table_add(table, NULL);
    }
}

static od_status show(od_cli *cli, const cJSON *answer) {
    (void)cli;
    od_table table = {columns, sizeof columns / sizeof columns[0], {0}, false};
    const cJSON *job = NULL;
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(answer, "jobs")) {
        const cJSON *steps = cJSON_GetObjectItemCaseSensitive(job, "steps");
        od_value_cell(&table, cJSON_GetObjectItemCaseSensitive(job, "job"));
        od_table_add(&table, od_value_text(job, "name"));
        od_table_add(&table, od_value_text(job, "connection"));
        od_value_cell(&table, cJSON_GetObjectItemCaseSensitive(job, "count"));
        od_value_cell(&table, cJSON_GetArrayItem(steps, cJSON_GetArraySize(steps) - 1));
        add_curve(&table, cJSON_GetObjectItemCaseSensitive(job, "values"));
    }
    return od_table_print(&table, stdout);
}

static od_status make_path(const od_options *given, od_buffer *path, od_error *error) {
    od_buffer jobs = {0};
    int64_t id = 0;
    od_status status = OD_OK;
    for (size_t i = 0; i < given->operand_count && status == OD_OK; i++) {
        status = od_cli_id("job", given->operands[i], &id, error);
        if (status == OD_OK) {
            status = od_buffer_printf(&jobs, "%s%s", i > 0 ? "," : "", given->operands[i]);
        }
    }
    const char *series = od_options_get(given, "series");
    if (status == OD_OK) {
        status = od_buffer_append_text(path, "/compare");
    }
    if (status == OD_OK) {
        status = od_url_add(path, "jobs", jobs.data);
    }
    if (status == OD_OK) {
        status = od_url_add(path, "series", series != NULL ? series : "val/acc@1");
    }
    od_buffer_fini(&jobs);
    return status;
}

static od_status run(od_cli *cli, od_error *error) {
    od_buffer path = {0};
    od_status status = make_path(&cli->options, &path, error);
    if (status == OD_OK) {
        status = od_cli_ask(cli, &(od_request){.path = path.data}, show, error);
    }
    od_buffer_fini(&path);
    return status;
}

const od_command od_command_compare = {
    .name = "compare",
    .purpose = "compare a series of several jobs",
    .operands = "JOB...",
    .details = "--json has the curves.",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 100,
};
