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
} reply_call;

static od_status read_reply(sqlite3 *db, void *ctx, od_error *error) {
    reply_call *call = ctx;
    cJSON *body = NULL;
    OD_TRY(call->read(db, call->id, &body, error));
    call->base.response = od_response_json(call->status, body);
    if (call->status == 201) {
        call->base.response = od_response_header_printf(
            call->base.response, "Location", "/api/v1/%s/%" PRId64, call->path, call->id);
    }
    cJSON_Delete(body);
    return OD_OK;
}

static void reply(od_request *request, unsigned status, int64_t id, const char *path,
                  read_json read) {
    reply_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call == NULL) {
        return;
    }
    call->read = read;
    call->path = path;
    call->id = id;
    call->status = status;
    od_api_read(&call->base, read_reply);
}

void od_reply_job(od_request *request, unsigned status, int64_t id) {
    reply(request, status, id, "jobs", od_job_json_read);
}

void od_reply_experiment(od_request *request, unsigned status, int64_t id) {
    reply(request, status, id, "experiments", od_experiment_json_read);
}
