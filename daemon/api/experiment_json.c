// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/experiment_json.h"

#include "daemon/api/api.h"
#include "daemon/api/job_json.h"

const char *od_experiment_json_state(const int64_t counts[OD_JOB_STATES]) {
    for (int i = 0; i < OD_JOB_STATES; i++) {
        if (counts[i] > 0 && !od_job_state_ended((od_job_state)i)) {
            return "running";
        }
    }
    return counts[OD_JOB_FAILED] + counts[OD_JOB_CANCELLED] > 0 ? "failed" : "succeeded";
}

static cJSON *states_json(const int64_t counts[OD_JOB_STATES]) {
    cJSON *states = cJSON_CreateObject();
    bool whole = states != NULL;
    for (int i = 0; i < OD_JOB_STATES && whole; i++) {
        whole =
            counts[i] == 0 || cJSON_AddNumberToObject(states, od_job_state_text((od_job_state)i),
                                                      (double)counts[i]) != NULL;
    }
    if (!whole) {
        cJSON_Delete(states);
        return NULL;
    }
    return states;
}

static od_status ids_json(sqlite3 *db, int64_t experiment, cJSON **out, od_error *error) {
    od_job_list jobs = {0};
    const od_jobs_filter filter = {.experiment = experiment};
    OD_TRY(od_jobs_list(db, &filter, &jobs, error));
    cJSON *ids = cJSON_CreateArray();
    bool whole = ids != NULL;
    for (size_t i = jobs.count; i-- > 0 && whole;) { // the list has the newest first
        whole = od_api_append(ids, cJSON_CreateNumber((double)jobs.items[i].id));
    }
    od_job_list_fini(&jobs);
    if (!whole) {
        cJSON_Delete(ids);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for an experiment");
    }
    *out = ids;
    return OD_OK;
}

od_status od_experiment_json_build(sqlite3 *db, const od_experiment *experiment, cJSON **out,
                                   od_error *error) {
    int64_t counts[OD_JOB_STATES];
    cJSON *ids = NULL;
    OD_TRY(od_jobs_count(db, experiment->id, counts, error));
    OD_TRY(ids_json(db, experiment->id, &ids, error));
    cJSON *body = cJSON_CreateObject();
    bool whole = cJSON_AddNumberToObject(body, "id", (double)experiment->id) != NULL &&
                 cJSON_AddStringToObject(body, "name", experiment->name) != NULL &&
                 od_api_add(body, "created_at", od_job_json_time(experiment->created_at_ms)) &&
                 od_api_add(body, "vary", cJSON_Parse(experiment->vary)) &&
                 od_api_add(body, "states", states_json(counts)) &&
                 cJSON_AddStringToObject(body, "state", od_experiment_json_state(counts)) != NULL;
    whole = od_api_add(body, "jobs", ids) && whole;
    if (!whole) {
        cJSON_Delete(body);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for an experiment");
    }
    *out = body;
    return OD_OK;
}

od_status od_experiment_json_read(sqlite3 *db, int64_t id, cJSON **out, od_error *error) {
    od_experiment experiment = {0};
    OD_TRY(od_experiments_get(db, id, &experiment, error));
    od_status status = od_experiment_json_build(db, &experiment, out, error);
    od_experiment_fini(&experiment);
    return status;
}
