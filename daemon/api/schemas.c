// SPDX-License-Identifier: Apache-2.0
#include "base/schemas.h"

#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

#include <stdio.h>

static void serve(od_request *request, const char *name) {
    const od_embedded_file *file = od_embedded_find(od_schemas_embedded, name);
    od_request_answer(
        request, file != NULL
                     ? od_response_static(200, "application/json", file->data, file->size)
                     : od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                      "there is no such schema; there are job and experiment"));
}

void od_api_schemas_serve(od_request *request) {
    char name[64];
    snprintf(name, sizeof name, "%.40s.schema.json", od_request_segment(request, 3));
    serve(request, name);
}

void od_api_schemas_serve_openapi(od_request *request) {
    serve(request, "openapi.json");
}
