// SPDX-License-Identifier: Apache-2.0
// The recipes that the program carries: job specs, and experiments (those with a "base").
#include "base/schemas.h"
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

#include <string.h>

static cJSON *recipe_json(const od_embedded_file *file) {
    cJSON *body = cJSON_Parse((const char *)file->data);
    bool experiment = cJSON_GetObjectItemCaseSensitive(body, "base") != NULL;
    char name[128];
    size_t length = strcspn(file->name, ".");
    cJSON *out = cJSON_CreateObject();
    bool fits = length < sizeof name;
    if (fits) {
        memcpy(name, file->name, length);
        name[length] = '\0';
    }
    bool whole = fits && cJSON_AddStringToObject(out, "name", name) != NULL &&
                 cJSON_AddStringToObject(out, "kind", experiment ? "experiment" : "job") != NULL;
    whole = od_api_add(out, "body", body) && whole;
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

void od_api_recipes_serve(od_request *request) {
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "recipes");
    bool whole = list != NULL;
    for (const od_embedded_file *file = od_recipes_embedded; file->name != NULL && whole; file++) {
        whole = od_api_append(list, recipe_json(file));
    }
    od_request_answer(request, od_response_json(200, whole ? body : NULL));
    cJSON_Delete(body);
}
