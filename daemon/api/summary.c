// SPDX-License-Identifier: Apache-2.0
// Reads what od_summary_json needs of an experiment.
#include "daemon/api/api.h"
#include "daemon/api/experiment_json.h"
#include "daemon/api/handlers.h"
#include "daemon/api/summary_json.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct summary_call {
    od_api_call base;
    int64_t id;
    char *series;
    double half_width; // 0: none was given
} summary_call;

static void fini_summary(od_api_call *base) {
    free(((summary_call *)base)->series);
}

// More is better of accuracies, less of everything else.
static void read_series(const od_series *series, od_summary_job *out) {
    bool most = strstr(series->name, "/acc@") != NULL;
    out->has_value = true;
    out->value = series->last;
    out->step = series->last_step;
    out->best = most ? series->max : series->min;
    out->best_step = most ? series->max_step : series->min_step;
    out->has_best = !isnan(out->best);
}

// The points of the series that count, if the job has any.
static od_status read_value(sqlite3 *db, const char *name, od_summary_job *out, od_error *error) {
    od_series_list list = {0};
    OD_TRY(od_points_series(db, out->id, &list, error));
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i].name, name) == 0) {
            read_series(&list.items[i], out);
        }
    }
    od_series_list_fini(&list);
    return OD_OK;
}

static void read_seed(const od_job *job, od_summary_job *out) {
    cJSON *spec = cJSON_Parse(job->spec);
    out->seed = cJSON_GetNumberValue(od_json_at(spec, "train.seed"));
    cJSON_Delete(spec);
}

static od_status read_jobs(sqlite3 *db, const char *series, const od_job_list *list,
                           od_summary_job *out, od_error *error) {
    for (size_t i = 0; i < list->count; i++) {
        const od_job *job = &list->items[list->count - 1 - i]; // the list has the newest first
        out[i].id = job->id;
        out[i].variant = job->variant != NULL ? cJSON_Parse(job->variant) : NULL;
        read_seed(job, &out[i]);
        OD_TRY(read_value(db, series, &out[i], error));
    }
    return OD_OK;
}

static od_response *respond(const summary_call *call, const od_experiment *experiment,
                            const int64_t counts[OD_JOB_STATES], const od_summary_job *jobs,
                            size_t count) {
    cJSON *body = cJSON_CreateObject();
    bool whole = cJSON_AddNumberToObject(body, "id", (double)experiment->id) != NULL &&
                 cJSON_AddStringToObject(body, "name", experiment->name) != NULL &&
                 cJSON_AddStringToObject(body, "state", od_experiment_json_state(counts)) != NULL &&
                 cJSON_AddStringToObject(body, "series", call->series) != NULL &&
                 od_summary_json(body, jobs, count, call->half_width);
    od_response *response = od_response_json(200, whole ? body : NULL);
    cJSON_Delete(body);
    return response;
}

static od_status read_all(sqlite3 *db, summary_call *call, const od_experiment *experiment,
                          const od_job_list *list, od_error *error) {
    int64_t counts[OD_JOB_STATES];
    OD_TRY(od_jobs_count(db, call->id, counts, error));
    od_summary_job *jobs = calloc(list->count + 1, sizeof *jobs);
    if (jobs == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a summary");
    }
    od_status status = read_jobs(db, call->series, list, jobs, error);
    if (status == OD_OK) {
        call->base.response = respond(call, experiment, counts, jobs, list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        cJSON_Delete(jobs[i].variant);
    }
    free(jobs);
    return status;
}

static od_status read_summary(sqlite3 *db, void *ctx, od_error *error) {
    summary_call *call = ctx;
    od_experiment experiment = {0};
    od_job_list list = {0};
    const od_jobs_filter filter = {.experiment = call->id};
    OD_TRY(od_experiments_get(db, call->id, &experiment, error));
    od_status status = od_jobs_list(db, &filter, &list, error);
    if (status == OD_OK) {
        status = read_all(db, call, &experiment, &list, error);
    }
    od_job_list_fini(&list);
    od_experiment_fini(&experiment);
    return status;
}

void od_api_summary_serve(od_request *request) {
    int64_t id = 0;
    double half_width = od_api_positive(request, "half_width");
    const char *series = od_request_query(request, "series");
    if (!od_api_id(request, 3, &id) || !od_request_is_sound(request)) {
        return;
    }
    summary_call *call = od_api_call_new(request, sizeof *call, fini_summary);
    if (call == NULL) {
        return;
    }
    call->id = id;
    call->half_width = half_width;
    call->series = strdup(series != NULL && series[0] != '\0' ? series : "val/acc@1");
    if (call->series == NULL) {
        od_api_finish(&call->base, NULL);
        return;
    }
    od_api_read_cached(&call->base, read_summary);
}
