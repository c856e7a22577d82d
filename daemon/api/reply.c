// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/reply.h"

#include "base/json.h"
#include "daemon/api/api.h"
#include "daemon/api/experiment_json.h"
#include "daemon/api/job_json.h"
#include "daemon/api/waiting_json.h"
#include "daemon/store/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef od_status (*read_json)(sqlite3 *db, int64_t id, cJSON **out, od_error *error);

static od_status render(sqlite3 *db, int64_t id, read_json read, char **out, od_error *error) {
    cJSON *value = NULL;
    OD_TRY(read(db, id, &value, error));
    *out = od_json_print(value);
    cJSON_Delete(value);
    return *out != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for an answer");
}

// Of a job that is just being made nothing is known yet of what it waits for.
static od_status read_new_job(sqlite3 *db, int64_t id, cJSON **out, od_error *error) {
    OD_TRY(od_job_json_read(db, id, out, error));
    return od_waiting_json_add(*out, NULL)
               ? OD_OK
               : od_error_set(error, OD_E_NO_MEMORY, "no memory for a job");
}

static od_status render_job(sqlite3 *db, int64_t id, char **out, od_error *error) {
    return render(db, id, read_new_job, out, error);
}

static od_status render_experiment(sqlite3 *db, int64_t id, char **out, od_error *error) {
    return render(db, id, od_experiment_json_read, out, error);
}

static const struct {
    const char *path;
    od_submit_render render;
} kinds[] = {
    [OD_REPLY_JOB] = {"jobs", render_job},
    [OD_REPLY_EXPERIMENT] = {"experiments", render_experiment},
};

od_submit_render od_reply_render(od_reply_kind kind) {
    return kinds[kind].render;
}

static od_response *with_location(od_response *response, od_reply_kind kind, int64_t id) {
    return od_response_header_printf(response, "Location", "/api/v1/%s/%" PRId64, kinds[kind].path,
                                     id);
}

static char *copy_body(const char *body, const cJSON *warnings) {
    if (warnings == NULL) {
        return strdup(body);
    }
    cJSON *value = cJSON_Parse(body);
    cJSON *copy = cJSON_Duplicate(warnings, true);
    char *text = od_api_add(value, "warnings", copy) ? od_json_print(value) : NULL;
    cJSON_Delete(value);
    return text;
}

od_response *od_reply_made(od_reply_kind kind, int64_t id, const char *body,
                           const cJSON *warnings) {
    char *copy = copy_body(body, warnings);
    od_response *response =
        copy != NULL ? od_response_take(201, "application/json", copy, strlen(copy)) : NULL;
    return with_location(response, kind, id);
}

typedef struct reply_call {
    od_api_call base;
    od_reply_kind kind;
    int64_t id;
    unsigned status;
    od_explanations *explanations; // of a job
} reply_call;

static void fini_reply(od_api_call *base) {
    od_explanations_release(((reply_call *)base)->explanations);
}

static od_status render_explained(sqlite3 *db, const reply_call *call, char **out,
                                  od_error *error) {
    cJSON *job = NULL;
    OD_TRY(od_job_json_read(db, call->id, &job, error));
    bool whole = od_waiting_json_add(job, od_explanations_find(call->explanations, call->id));
    *out = whole ? od_json_print(job) : NULL;
    cJSON_Delete(job);
    return *out != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for an answer");
}

static od_status read_reply(sqlite3 *db, void *ctx, od_error *error) {
    reply_call *call = ctx;
    char *body = NULL;
    OD_TRY(call->explanations != NULL ? render_explained(db, call, &body, error)
                                      : kinds[call->kind].render(db, call->id, &body, error));
    call->base.response = od_response_take(call->status, "application/json", body, strlen(body));
    if (call->kind == OD_REPLY_JOB) {
        int64_t revision;
        OD_TRY(od_sql_int(db, "SELECT revision FROM jobs WHERE id = ?1", OD_SQL(od_sql_i(call->id)),
                          &revision, error));
        call->base.response =
            od_response_header_printf(call->base.response, "ETag", OD_API_TAG, revision);
    }
    if (call->status == 201) {
        call->base.response = with_location(call->base.response, call->kind, call->id);
    }
    return OD_OK;
}

void od_reply(od_request *request, unsigned status, od_reply_kind kind, int64_t id) {
    bool get = (od_request_method(request) & (OD_METHOD_GET | OD_METHOD_HEAD)) != 0;
    if (get && od_api_answer_kept(request)) {
        return;
    }
    reply_call *call = od_api_call_new(request, sizeof *call, fini_reply);
    if (call == NULL) {
        return;
    }
    if (kind == OD_REPLY_JOB) {
        call->explanations = od_queue_explain(od_api_daemon(request)->queue);
    }
    call->kind = kind;
    call->id = id;
    call->status = status;
    if (get) {
        od_api_read_cached(&call->base, read_reply);
    } else {
        od_api_read(&call->base, read_reply);
    }
}
