// SPDX-License-Identifier: Apache-2.0
#include "cli/job.h"

#include "cli/value.h"

#include <inttypes.h>
#include <string.h>

static const od_column pair[] = {{NULL, false}, {NULL, false}};
static const od_column metric_columns[] = {
    {"SERIES", false}, {"LAST", true}, {"STEP", true},
    {"MIN", true},     {"MAX", true},  {"POINTS", true},
};

static const cJSON *member(const cJSON *object, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void add_value(od_table *table, const char *title, const cJSON *value) {
    if (value != NULL && !cJSON_IsNull(value)) {
        od_table_add(table, title);
        od_value_cell(table, value);
    }
}

static void add_text(od_table *table, const char *title, const char *text) {
    if (*text != '\0') {
        od_table_add(table, title);
        od_table_add(table, text);
    }
}

static void add_progress(od_table *table, const cJSON *progress) {
    char text[OD_VALUE_TEXT_BYTES];
    add_text(table, "progress", od_value_progress(text, progress));
    double left = od_value_number(progress, "eta_s", -1);
    if (left >= 0) {
        add_text(table, "time left", od_value_duration(text, left));
    }
    add_value(table, "samples/s", member(progress, "samples_per_sec"));
}

static void add_times(od_table *table, const cJSON *job) {
    static const char *const keys[] = {"created_at", "started_at", "ended_at"};
    char text[OD_VALUE_TEXT_BYTES];
    for (size_t i = 0; i < 3; i++) {
        od_value_time(text, od_value_text(job, keys[i]));
        if (*text != '\0') {
            od_table_add(table, (const char *[]){"created", "started", "ended"}[i]);
            od_table_addf(table, "%s UTC", text);
        }
    }
}

static void add_plan(od_table *table, const cJSON *plan) {
    char text[OD_VALUE_TEXT_BYTES];
    add_value(table, "parameters", member(plan, "parameters"));
    add_value(table, "steps", member(plan, "steps"));
    double bytes = od_value_number(plan, "memory_bytes", -1);
    if (bytes >= 0) {
        add_text(table, "memory", od_value_bytes(text, bytes));
    }
}

static od_status show_metrics(const cJSON *metrics) {
    if (cJSON_GetArraySize(metrics) == 0) {
        return OD_OK;
    }
    od_table table = {metric_columns, sizeof metric_columns / sizeof metric_columns[0], {0}, false};
    const cJSON *series = NULL;
    cJSON_ArrayForEach(series, metrics) {
        od_table_add(&table, series->string);
        od_value_cell(&table, member(series, "last"));
        od_value_cell(&table, member(series, "last_step"));
        od_value_cell(&table, member(series, "min"));
        od_value_cell(&table, member(series, "max"));
        od_value_cell(&table, member(series, "count"));
    }
    putchar('\n');
    return od_table_print(&table, stdout);
}

static void add_description(od_table *table, const cJSON *job) {
    const cJSON *labels = member(job, "labels");
    add_value(table, "job", member(job, "id"));
    add_text(table, "name", od_value_text(job, "name"));
    add_text(table, "state", od_value_text(job, "state"));
    add_text(table, "reason", od_value_text(job, "reason"));
    if (cJSON_IsObject(member(job, "waiting"))) {
        add_text(table, "waits", od_value_text(member(job, "waiting"), "detail"));
    }
    add_text(table, "starts about", od_value_text(job, "expected_start_at"));
    add_text(table, "ends about", od_value_text(job, "expected_end_at"));
    add_value(table, "experiment", member(job, "experiment"));
    add_value(table, "variant", member(job, "variant"));
    add_text(table, "connection", od_value_text(job, "connection"));
    add_text(table, "model", od_value_text(job, "model"));
    add_value(table, "labels", cJSON_GetArraySize(labels) > 0 ? labels : NULL);
    add_text(table, "notes", od_value_text(job, "notes"));
    add_value(table, "priority", member(job, "priority"));
    add_value(table, "attempt", member(job, "attempt"));
}

od_status od_job_show(od_cli *cli, const cJSON *job) {
    (void)cli;
    od_table table = {pair, 2, {0}, false};
    add_description(&table, job);
    add_progress(&table, member(job, "progress"));
    add_plan(&table, member(job, "plan"));
    add_times(&table, job);
    OD_TRY(od_table_print(&table, stdout));
    return show_metrics(member(job, "metrics"));
}

od_status od_job_say(od_cli *cli, const cJSON *job) {
    (void)cli;
    const char *reason = od_value_text(job, "reason");
    return od_cli_say("job %.0f %s: %s%s%s", od_value_number(job, "id", 0),
                      od_value_text(job, "state"), od_value_text(job, "name"),
                      *reason != '\0' ? ": " : "", reason);
}

od_status od_job_show_plan(const cJSON *plan) {
    od_table table = {pair, 2, {0}, false};
    add_plan(&table, plan);
    return od_table_print(&table, stdout);
}

od_status od_job_get(od_cli *cli, int64_t id, cJSON **out, od_error *error) {
    char path[OD_CLI_PATH_BYTES];
    snprintf(path, sizeof path, "/jobs/%" PRId64, id);
    return od_client_json(cli->client, &(od_request){.path = path}, out, error);
}

bool od_job_is_over(const cJSON *job) {
    static const char *const states[] = {"succeeded", "failed", "cancelled"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(od_value_text(job, "state"), states[i]) == 0) {
            return true;
        }
    }
    return false;
}

od_status od_job_has_ended(od_cli *cli, int64_t id, bool *out, od_error *error) {
    cJSON *job = NULL;
    OD_TRY(od_job_get(cli, id, &job, error));
    *out = od_job_is_over(job);
    cJSON_Delete(job);
    return OD_OK;
}
