// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/reply.h"

#include "daemon/api/api.h"
#include "daemon/api/experiment_json.h"
#include "daemon/api/job_json.h"

#include <inttypes.h>

typedef od_status (*read_json)(sqlite3 *db, int64_t id, cJSON **out, od_error *error);

typedef struct reply_call {
    od_api_call base;
    read_json read;
    const char *path;
    int64_t id;
    unsigned status;
    cJSON *warnings; // or NULL
} reply_call;

static void fini_reply(od_api_call *base) {
    cJSON_Delete(((reply_call *)base)->warnings);
}

static od_status read_reply(sqlite3 *db, void *ctx, od_error *error) {
    reply_call *call = ctx;
    cJSON *body = NULL;
    OD_TRY(call->read(db, call->id, &body, error));
    if (call->warnings != NULL) {
        cJSON_AddItemReferenceToObject(body, "warnings", call->warnings);
    }
    call->base.response = od_response_json(call->status, body);
    if (call->status == 201) {
        call->base.response = od_response_header_printf(
            call->base.response, "Location", "/api/v1/%s/%" PRId64, call->path, call->id);
    }
    cJSON_Delete(body);
    return OD_OK;
}

static void reply(od_request *request, unsigned status, int64_t id, const char *path,
                  read_json read, cJSON *warnings_take) {
    reply_call *call = od_api_call_new(request, sizeof *call, fini_reply);
    if (call == NULL) {
        cJSON_Delete(warnings_take);
        return;
    }
    call->warnings = warnings_take;
    call->read = read;
    call->path = path;
    call->id = id;
    call->status = status;
    od_api_read(&call->base, read_reply);
}

void od_reply_job(od_request *request, unsigned status, int64_t id) {
    reply(request, status, id, "jobs", od_job_json_read, NULL);
}

void od_reply_new_job(od_request *request, int64_t id, cJSON *warnings_take) {
    reply(request, 201, id, "jobs", od_job_json_read, warnings_take);
}

void od_reply_experiment(od_request *request, unsigned status, int64_t id) {
    reply(request, status, id, "experiments", od_experiment_json_read, NULL);
}
