// SPDX-License-Identifier: Apache-2.0
#include "cli/problem.h"

#include "base/json.h"
#include "cli/sanitize.h"

#include <string.h>

static const char *text_of(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

static od_status append(od_buffer *out, const char *before, const char *text) {
    if (*text == '\0') {
        return OD_OK;
    }
    OD_TRY(od_buffer_append_text(out, before));
    return od_sanitize_append(out, text, strlen(text), OD_SANITIZE_LINE);
}

static od_status append_problem(od_buffer *out, const cJSON *problem) {
    OD_TRY(append(out, "", text_of(problem, "title")));
    OD_TRY(append(out, ": ", text_of(problem, "detail")));
    const char *before = "; ";
    const cJSON *fault = NULL;
    cJSON_ArrayForEach(fault, cJSON_GetObjectItemCaseSensitive(problem, "errors")) {
        OD_TRY(append(out, before, text_of(fault, "pointer")));
        OD_TRY(append(out, ": ", text_of(fault, "detail")));
        before = " | ";
    }
    return OD_OK;
}

od_status od_problem_line(od_buffer *out, long http_status, const char *body, size_t size) {
    cJSON *problem = NULL;
    if (size > 0 && od_json_parse(body, size, &problem, NULL) != OD_OK) {
        problem = NULL;
    }
    od_status status =
        *text_of(problem, "title") != '\0'
            ? append_problem(out, problem)
            : od_buffer_printf(out,
                               "answered with HTTP status %ld and no problem+json; is it "
                               "an orthod?",
                               http_status);
    cJSON_Delete(problem);
    return status;
}
