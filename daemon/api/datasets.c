// SPDX-License-Identifier: Apache-2.0
// The data sets, and whether their files are on this machine.
#include "base/datasets.h"
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

static cJSON *text_or_null(const char *text) {
    return text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *dataset_json(const od_dataset_facts *facts) {
    char root[OD_DATASETS_PATH_BYTES];
    od_error error = {0};
    od_status status = od_datasets_locate(facts->name, NULL, root, &error);
    cJSON *out = cJSON_CreateObject();
    bool whole =
        cJSON_AddStringToObject(out, "name", facts->name) != NULL &&
        cJSON_AddBoolToObject(out, "available", status == OD_OK) != NULL &&
        od_api_add(out, "root", text_or_null(status == OD_OK ? root : facts->default_root)) &&
        od_api_add(out, "package", text_or_null(facts->package)) &&
        od_api_add(out, "detail", text_or_null(status == OD_OK ? NULL : error.text));
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

// Looks at files, which may lie on a slow disk: not on the loop.
static od_status read_datasets(sqlite3 *db, void *ctx, od_error *error) {
    (void)db;
    od_api_call *call = ctx;
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "datasets");
    bool whole = list != NULL;
    for (const od_dataset_facts *facts = od_datasets; facts->name != NULL && whole; facts++) {
        whole = od_api_append(list, dataset_json(facts));
    }
    if (whole) {
        call->response = od_response_json(200, body);
    }
    cJSON_Delete(body);
    return whole ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for the data sets");
}

void od_api_datasets_serve(od_request *request) {
    od_api_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call != NULL) {
        od_api_read(call, read_datasets);
    }
}
