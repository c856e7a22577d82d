// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/job_json.h"

#include "daemon/api/api.h"

#include "base/clock.h"
#include "base/json.h"
#include "daemon/queue/placement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *od_job_json_time(int64_t wall_ms) {
    char text[OD_CLOCK_TEXT_BYTES];
    return wall_ms > 0 ? cJSON_CreateString(od_clock_text(text, wall_ms)) : cJSON_CreateNull();
}

static cJSON *text_or_null(const char *text) {
    return text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *number_or_null(double value) {
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

static cJSON *integer(int64_t value) {
    return cJSON_CreateNumber((double)value);
}

// JSON text that this program has stored.
static cJSON *stored(const char *text) {
    return text != NULL ? cJSON_Parse(text) : cJSON_CreateNull();
}

static cJSON *progress_json(const od_job *job) {
    cJSON *progress = cJSON_CreateObject();
    bool whole = od_api_add(progress, "step", integer(job->step)) &&
                 od_api_add(progress, "steps", integer(job->steps)) &&
                 od_api_add(progress, "epoch", integer(job->epoch)) &&
                 od_api_add(progress, "eta_s", number_or_null(job->eta_s)) &&
                 od_api_add(progress, "samples_per_sec", number_or_null(job->samples_per_sec));
    if (!whole) {
        cJSON_Delete(progress);
        return NULL;
    }
    return progress;
}

static cJSON *series_json(const od_series *series) {
    cJSON *summary = cJSON_CreateObject();
    bool whole = od_api_add(summary, "last", od_json_number(series->last)) &&
                 od_api_add(summary, "last_step", integer(series->last_step)) &&
                 od_api_add(summary, "min", od_json_number(series->min)) &&
                 od_api_add(summary, "min_step", integer(series->min_step)) &&
                 od_api_add(summary, "max", od_json_number(series->max)) &&
                 od_api_add(summary, "max_step", integer(series->max_step)) &&
                 od_api_add(summary, "count", integer(series->count));
    if (!whole) {
        cJSON_Delete(summary);
        return NULL;
    }
    return summary;
}

static bool is_telling(const char *name) {
    static const char *const names[] = {"train/loss", "val/loss", "val/acc@1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static cJSON *metrics_json(const od_series_list *series, bool all) {
    cJSON *metrics = cJSON_CreateObject();
    bool whole = metrics != NULL;
    for (size_t i = 0; i < series->count && whole; i++) {
        const od_series *one = &series->items[i];
        if (all || is_telling(one->name)) {
            whole = od_api_add(metrics, one->name, series_json(one));
        }
    }
    if (!whole) {
        cJSON_Delete(metrics);
        return NULL;
    }
    return metrics;
}

// What single jobs and lists have in common.
static cJSON *common_json(const od_job *job) {
    cJSON *out = cJSON_CreateObject();
    bool whole = od_api_add(out, "id", integer(job->id)) &&
                 od_api_add(out, "name", text_or_null(job->name)) &&
                 od_api_add(out, "notes", text_or_null(job->notes)) &&
                 od_api_add(out, "labels", stored(job->labels)) &&
                 od_api_add(out, "experiment",
                            job->experiment > 0 ? integer(job->experiment) : cJSON_CreateNull()) &&
                 od_api_add(out, "variant", stored(job->variant)) &&
                 od_api_add(out, "state", cJSON_CreateString(od_job_state_text(job->state))) &&
                 od_api_add(out, "reason", text_or_null(job->reason)) &&
                 od_api_add(out, "reason_code", text_or_null(job->reason_code)) &&
                 od_api_add(out, "priority", integer(job->priority)) &&
                 od_api_add(out, "attempt", integer(job->attempt)) &&
                 od_api_add(out, "progress", progress_json(job)) &&
                 od_api_add(out, "connection", text_or_null(job->connection)) &&
                 od_api_add(out, "model", text_or_null(job->model)) &&
                 od_api_add(out, "created_at", od_job_json_time(job->created_at_ms)) &&
                 od_api_add(out, "started_at", od_job_json_time(job->started_at_ms)) &&
                 od_api_add(out, "ended_at", od_job_json_time(job->ended_at_ms));
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

// "cpu,GPU-1"
static cJSON *devices_json(const char *names) {
    cJSON *out = cJSON_CreateArray();
    while (*names != '\0') {
        char name[OD_DEVICE_ID_BYTES];
        size_t size = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)size, names);
        if (!od_api_append(out, cJSON_CreateString(name))) {
            cJSON_Delete(out);
            return NULL;
        }
        names += size + (names[size] == ',');
    }
    return out;
}

static cJSON *attempt_json(const od_attempt *attempt) {
    cJSON *out = cJSON_CreateObject();
    bool whole =
        od_api_add(out, "attempt", integer(attempt->number)) &&
        od_api_add(out, "from_step",
                   attempt->from_step >= 0 ? integer(attempt->from_step) : cJSON_CreateNull()) &&
        od_api_add(out, "started_at", od_job_json_time(attempt->started_at_ms)) &&
        od_api_add(out, "ended_at", od_job_json_time(attempt->ended_at_ms)) &&
        od_api_add(out, "devices", devices_json(attempt->devices)) &&
        od_api_add(out, "code", text_or_null(attempt->end_code)) &&
        od_api_add(out, "reason", text_or_null(attempt->end_reason));
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

static cJSON *attempts_json(const od_attempt *attempts, size_t count) {
    cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        if (!od_api_append(out, attempt_json(&attempts[i]))) {
            cJSON_Delete(out);
            return NULL;
        }
    }
    return out;
}

cJSON *od_job_json(const od_job *job, const od_series_list *series, const od_attempt *attempts,
                   size_t attempt_count) {
    cJSON *out = common_json(job);
    if (out != NULL && od_api_add(out, "attempts", attempts_json(attempts, attempt_count)) &&
        od_api_add(out, "plan", stored(job->plan)) &&
        od_api_add(out, "metrics", metrics_json(series, true)) &&
        od_api_add(out, "spec", stored(job->spec))) {
        return out;
    }
    cJSON_Delete(out);
    return NULL;
}

cJSON *od_job_json_short(const od_job *job, const od_series_list *series) {
    cJSON *out = common_json(job);
    if (out != NULL && od_api_add(out, "metrics", metrics_json(series, false))) {
        return out;
    }
    cJSON_Delete(out);
    return NULL;
}

od_status od_job_json_read(sqlite3 *db, int64_t id, cJSON **out, od_error *error) {
    od_job job = {0};
    od_series_list series = {0};
    OD_TRY(od_jobs_get(db, id, &job, error));
    od_attempt *attempts = NULL;
    size_t count = 0;
    od_status status = od_points_series(db, id, &series, error);
    if (status == OD_OK) {
        status = od_jobs_attempts(db, id, &attempts, &count, error);
    }
    if (status == OD_OK) {
        *out = od_job_json(&job, &series, attempts, count);
        status = *out != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for a job");
    }
    for (size_t i = 0; i < count; i++) {
        od_attempt_fini(&attempts[i]);
    }
    free(attempts);
    od_series_list_fini(&series);
    od_job_fini(&job);
    return status;
}
