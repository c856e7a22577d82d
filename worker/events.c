// SPDX-License-Identifier: Apache-2.0
#include "worker/events.h"

#include "base/file.h"
#include "base/json.h"
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static cJSON *event_of(const char *type) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddStringToObject(event, "type", type);
    return event;
}

static void add_number(cJSON *event, const char *name, int64_t value) {
    cJSON_AddNumberToObject(event, name, (double)value);
}

static void add_text(cJSON *event, const char *name, const char *text) {
    cJSON_AddItemToObject(event, name,
                          text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void add_known(cJSON *event, const char *name, double value) {
    cJSON_AddItemToObject(event, name, value >= 0 ? od_json_number(value) : cJSON_CreateNull());
}

// Names this start of the machine; a pid means nothing in another one. "" where Linux tells none.
static void add_boot_id(cJSON *event) {
    od_buffer text = {0};
    if (od_file_read("/proc/sys/kernel/random/boot_id", 256, &text, NULL) == OD_OK) {
        text.data[strcspn(text.data, "\n")] = '\0';
    }
    add_text(event, "boot_id", text.data != NULL ? text.data : "");
    od_buffer_fini(&text);
}

od_status od_events_start(const od_rundir *rundir, const od_job *job, const od_start_facts *facts,
                          od_error *error) {
    cJSON *event = event_of("start");
    add_number(event, "step", facts->step);
    add_number(event, "steps", job->plan.steps);
    add_number(event, "steps_per_epoch", job->plan.steps_per_epoch);
    add_number(event, "parameters", job->plan.parameters);
    add_number(event, "memory_bytes", job->memory_bytes);
    add_number(event, "pid", getpid());
    add_boot_id(event);
    add_text(event, "backend", facts->backend);
    add_text(event, "blas", facts->blas);
    add_number(event, "threads", job->spec.threads);
    add_text(event, "version", PACKAGE_VERSION);
    return od_rundir_append(rundir, event, error);
}

od_status od_events_metrics(const od_rundir *rundir, int64_t step, int64_t epoch, cJSON *values,
                            od_error *error) {
    cJSON *event = event_of("metrics");
    add_number(event, "step", step);
    add_number(event, "epoch", epoch);
    if (!cJSON_AddItemToObject(event, "values", values)) {
        cJSON_Delete(values);
        cJSON_Delete(event);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for metrics");
    }
    return od_rundir_append(rundir, event, error);
}

od_status od_events_progress(const od_rundir *rundir, const od_progress *progress,
                             od_error *error) {
    cJSON *event = event_of("progress");
    add_number(event, "step", progress->step);
    add_number(event, "steps", progress->steps);
    add_number(event, "epoch", progress->epoch);
    add_known(event, "samples_per_sec", progress->samples_per_sec);
    add_known(event, "eta_s", progress->eta_s);
    return od_rundir_append(rundir, event, error);
}

od_status od_events_checkpoint(const od_rundir *rundir, int64_t step, const char *name,
                               od_error *error) {
    cJSON *event = event_of("checkpoint");
    add_number(event, "step", step);
    add_text(event, "name", name);
    return od_rundir_append(rundir, event, error);
}

od_status od_events_data(const od_rundir *rundir, int64_t step, const od_loader_report *report,
                         od_error *error) {
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)report->digest);
    cJSON *event = event_of("data");
    add_number(event, "step", step);
    add_number(event, "epoch", report->epoch);
    add_number(event, "samples", report->samples);
    add_text(event, "digest", digest);
    add_number(event, "skipped", report->skipped);
    return od_rundir_append(rundir, event, error);
}

od_status od_events_log(const od_rundir *rundir, od_log_level level, const char *message,
                        od_error *error) {
    static const char *const levels[] = {[OD_LOG_DEBUG] = "debug",
                                         [OD_LOG_INFO] = "info",
                                         [OD_LOG_WARNING] = "warning",
                                         [OD_LOG_ERROR] = "error"};
    od_log(level, message, "%s", "");
    cJSON *event = event_of("log");
    add_text(event, "level", levels[level]);
    add_text(event, "message", message);
    return od_rundir_append(rundir, event, error);
}

od_status od_events_end(const od_rundir *rundir, int64_t step, const char *outcome,
                        const char *reason, od_error *error) {
    cJSON *event = event_of("end");
    add_number(event, "step", step);
    add_text(event, "outcome", outcome);
    add_text(event, "reason", reason);
    return od_rundir_append(rundir, event, error);
}
