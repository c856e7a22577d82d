// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/reply.h"

#include "base/json.h"
#include "daemon/api/api.h"
#include "daemon/api/experiment_json.h"
#include "daemon/api/job_json.h"

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

static od_status render_job(sqlite3 *db, int64_t id, char **out, od_error *error) {
    return render(db, id, od_job_json_read, out, error);
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
} reply_call;

static od_status read_reply(sqlite3 *db, void *ctx, od_error *error) {
    reply_call *call = ctx;
    char *body = NULL;
    OD_TRY(kinds[call->kind].render(db, call->id, &body, error));
    call->base.response = od_response_take(call->status, "application/json", body, strlen(body));
    if (call->status == 201) {
        call->base.response = with_location(call->base.response, call->kind, call->id);
    }
    return OD_OK;
}

void od_reply(od_request *request, unsigned status, od_reply_kind kind, int64_t id) {
    reply_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call == NULL) {
        return;
    }
    call->kind = kind;
    call->id = id;
    call->status = status;
    od_api_read(&call->base, read_reply);
}
