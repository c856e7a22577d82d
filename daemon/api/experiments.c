// SPDX-License-Identifier: Apache-2.0
// Lists of experiments and single ones. Making them is in submit.c, their summary in summary.c.
#include "daemon/api/api.h"
#include "daemon/api/experiment_json.h"
#include "daemon/api/handlers.h"
#include "daemon/api/reply.h"

void od_api_experiments_serve_one(od_request *request) {
    int64_t id = 0;
    if (od_api_id(request, 3, &id)) {
        od_reply(request, 200, OD_REPLY_EXPERIMENT, id);
    }
}

static od_status add_all(sqlite3 *db, const od_experiment_list *experiments, cJSON *list,
                         od_error *error) {
    for (size_t i = 0; i < experiments->count; i++) {
        cJSON *item = NULL;
        OD_TRY(od_experiment_json_build(db, &experiments->items[i], &item, error));
        if (!od_api_append(list, item)) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory for a list of experiments");
        }
    }
    return OD_OK;
}

static od_status read_list(sqlite3 *db, void *ctx, od_error *error) {
    od_api_call *call = ctx;
    od_experiment_list experiments = {0};
    OD_TRY(od_experiments_list(db, 0, 0, &experiments, error));
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "experiments");
    od_status status = add_all(db, &experiments, list, error);
    if (status == OD_OK) {
        call->response =
            od_response_json(200, cJSON_AddNullToObject(body, "next") != NULL ? body : NULL);
    }
    cJSON_Delete(body);
    od_experiment_list_fini(&experiments);
    return status;
}

void od_api_experiments_serve_list(od_request *request) {
    od_api_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call != NULL) {
        od_api_read_cached(call, read_list);
    }
}
