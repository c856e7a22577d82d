// SPDX-License-Identifier: Apache-2.0
// What a worker has to say to people: its worker.log.
#include "daemon/api/files.h"
#include "daemon/api/handlers.h"

// A job that has not started has an empty log.
static od_status read_log(sqlite3 *db, void *ctx, od_error *error) {
    od_files_call *call = ctx;
    od_job job = {0};
    OD_TRY(od_jobs_get(db, call->job, &job, error));
    od_job_fini(&job);
    od_status status = od_files_read(db, ctx, error);
    if (status == OD_E_NOT_FOUND) {
        call->base.response = od_response_static(200, call->content_type, "", 0);
        status = OD_OK;
    }
    return status;
}

void od_api_log_serve(od_request *request) {
    od_files_call *call = od_files_call_new(request, "text/plain; charset=utf-8");
    if (call != NULL && od_files_call_add(call, "worker.log")) {
        od_api_read(&call->base, read_log);
    }
}
