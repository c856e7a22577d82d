// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/api.h"

#include "base/json.h"
#include "daemon/api/cache.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

od_daemon *od_api_daemon(const od_request *request) {
    return od_request_context(request);
}

// --- parameters -------------------------------------------------------------------------------

bool od_api_parse_id(const char *text, size_t size, int64_t *out) {
    int64_t value = 0;
    if (size == 0 || text[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (int64_t)(text[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool od_api_has_tokens(od_request *request) {
    if (od_api_daemon(request)->auth != NULL) {
        return true;
    }
    od_request_answer(request, od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                              "this server asks nobody for a token"));
    return false;
}

bool od_api_id(od_request *request, size_t index, int64_t *out) {
    const char *text = od_request_segment(request, index);
    if (od_api_parse_id(text, strlen(text), out)) {
        return true;
    }
    od_request_answer(request, od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                              "%s is no id: ids are 1, 2, 3, ...", text));
    return false;
}

int64_t od_api_integer(od_request *request, const char *name, int64_t min, int64_t max,
                       int64_t fallback) {
    const char *text = od_request_query(request, name);
    if (text == NULL || text[0] == '\0') {
        return fallback;
    }
    int64_t value = 0;
    bool zero = strcmp(text, "0") == 0;
    if ((zero || od_api_parse_id(text, strlen(text), &value)) && value >= min && value <= max) {
        return value;
    }
    if (max == INT64_MAX) {
        od_request_fault(request, name, "is \"%s\"; give a whole number from %" PRId64, text, min);
    } else {
        od_request_fault(request, name,
                         "is \"%s\"; give a whole number from %" PRId64 " to %" PRId64, text, min,
                         max);
    }
    return fallback;
}

double od_api_positive(od_request *request, const char *name) {
    const char *text = od_request_query(request, name);
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    char *end = NULL;
    bool decimal = text[strspn(text, "0123456789.eE+-")] == '\0'; // no inf, nan, 0x1p0, blanks
    double value = decimal ? strtod(text, &end) : 0;
    if (decimal && *end == '\0' && value > 0 && isfinite(value)) {
        return value;
    }
    od_request_fault(request, name, "is \"%s\"; give a number above 0, as in 0.005", text);
    return 0;
}

bool od_api_boolean(od_request *request, const char *name) {
    const char *text = od_request_query(request, name);
    bool yes = text != NULL && strcmp(text, "true") == 0;
    if (text != NULL && !yes && strcmp(text, "false") != 0) {
        od_request_fault(request, name, "is \"%s\"; give true or false", text);
    }
    return yes;
}

// A list of quoted tags; a weak one (W/) matches nothing.
bool od_api_matches(const od_request *request, int64_t revision) {
    const char *at = od_request_header(request, "If-Match");
    char tag[32];
    if (at == NULL) {
        return true;
    }
    int length = snprintf(tag, sizeof tag, OD_API_TAG, revision);
    at += strspn(at, " \t");
    if (at[0] == '*' && at[1 + strspn(at + 1, " \t")] == '\0') {
        return true;
    }
    for (; *at != '\0'; at += strcspn(at, ","), at += strspn(at, ", \t")) {
        if (strncmp(at, tag, (size_t)length) == 0) {
            return true;
        }
    }
    return false;
}

static od_response *no_object(const od_request *request) {
    od_faults faults = {0};
    od_response *response = NULL;
    if (od_faults_add(&faults, "", "is no JSON object") == OD_OK) {
        response =
            od_problem_new(request, OD_PROBLEM_INVALID_SPEC, &faults, "the body is no JSON object");
    }
    od_faults_fini(&faults);
    return response;
}

bool od_api_object(od_request *request, bool may_be_empty, cJSON **out) {
    size_t size = 0;
    const char *text = od_request_body(request, &size);
    od_error error = {0};
    *out = NULL;
    if (size == 0 && may_be_empty) {
        return true;
    }
    od_status status = od_json_parse(text, size, out, &error);
    if (status == OD_OK && cJSON_IsObject(*out)) {
        return true;
    }
    od_response *response = NULL; // "no memory"
    if (status == OD_OK) {
        response = no_object(request);
    } else if (status != OD_E_NO_MEMORY) {
        response = od_problem_new(request, OD_PROBLEM_MALFORMED_JSON, NULL, "%s", error.text);
    }
    cJSON_Delete(*out);
    *out = NULL;
    od_request_answer(request, response);
    return false;
}

// --- reading ----------------------------------------------------------------------------------

void *od_api_call_new(od_request *request, size_t size, void (*fini)(od_api_call *call)) {
    od_api_call *call = calloc(1, size);
    if (call == NULL) {
        od_request_answer(request, NULL);
        return NULL;
    }
    call->request = request;
    call->fini = fini;
    return call;
}

void od_api_finish(od_api_call *call, od_response *response) {
    if (call->response != response) {
        od_response_free(call->response);
    }
    od_request_answer(call->request, response);
    if (call->fini != NULL) {
        call->fini(call);
    }
    free(call);
}

void od_api_fail(od_api_call *call, const od_error *error) {
    od_api_finish(call, od_problem_from_error(call->request, error));
}

void od_api_fail_stale(od_api_call *call, int64_t job, int64_t revision) {
    od_error error;
    if (od_jobs_stale(job, revision, &error) != OD_OK) { // it always is
        od_api_fail(call, &error);
    }
}

static void on_read(void *ctx, od_status status, const od_error *error) {
    od_api_call *call = ctx;
    if (status == OD_OK && call->keep) {
        const od_daemon *daemon = od_api_daemon(call->request);
        od_cache_keep(daemon->cache, od_request_target(call->request), call->generation,
                      uv_now(daemon->loop), call->response);
    }
    if (status == OD_OK) {
        od_api_finish(call, call->response);
    } else {
        od_api_fail(call, error);
    }
}

void od_api_read(od_api_call *call, od_store_work work) {
    od_store_read(od_api_daemon(call->request)->store, work, on_read, call);
}

static od_response *find_kept(const od_request *request) {
    const od_daemon *daemon = od_api_daemon(request);
    return od_cache_find(daemon->cache, od_request_target(request),
                         od_store_generation(daemon->store), uv_now(daemon->loop));
}

bool od_api_answer_kept(od_request *request) {
    od_response *kept = find_kept(request);
    if (kept != NULL) {
        od_request_answer(request, kept);
    }
    return kept != NULL;
}

void od_api_read_cached(od_api_call *call, od_store_work work) {
    od_response *kept = find_kept(call->request);
    if (kept != NULL) {
        od_api_finish(call, kept);
        return;
    }
    call->keep = true;
    call->generation = od_store_generation(od_api_daemon(call->request)->store);
    od_api_read(call, work);
}

// --- building ---------------------------------------------------------------------------------

bool od_api_add(cJSON *object, const char *key, cJSON *item_take) {
    if (cJSON_AddItemToObject(object, key, item_take)) {
        return true;
    }
    cJSON_Delete(item_take);
    return false;
}

bool od_api_append(cJSON *array, cJSON *item_take) {
    if (cJSON_AddItemToArray(array, item_take)) {
        return true;
    }
    cJSON_Delete(item_take);
    return false;
}

// --- printing ---------------------------------------------------------------------------------

od_status od_api_append_number(od_buffer *out, double value, bool quoted) {
    if (!isfinite(value)) {
        const char *text = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        return od_buffer_printf(out, quoted ? "\"%s\"" : "%s", text);
    }
    char text[OD_JSON_NUMBER_BYTES];
    return od_buffer_append_text(out, od_json_number_text(text, value));
}

od_status od_api_append_string(od_buffer *out, const char *text) {
    cJSON *node = cJSON_CreateStringReference(text);
    char *printed = node != NULL ? od_json_print(node) : NULL;
    od_status status = printed != NULL ? od_buffer_append_text(out, printed) : OD_E_NO_MEMORY;
    free(printed);
    cJSON_Delete(node);
    return status;
}

od_status od_api_append_curve(od_buffer *out, const od_curve *curve) {
    OD_TRY(od_buffer_printf(out, "\"count\":%" PRId64 ",\"steps\":[", curve->count));
    for (size_t i = 0; i < curve->size; i++) {
        OD_TRY(od_buffer_printf(out, "%s%" PRId64, i > 0 ? "," : "", curve->steps[i]));
    }
    OD_TRY(od_buffer_append_text(out, "],\"values\":["));
    for (size_t i = 0; i < curve->size; i++) {
        OD_TRY(od_buffer_append_text(out, i > 0 ? "," : ""));
        OD_TRY(od_api_append_number(out, curve->values[i], true));
    }
    return od_buffer_append_text(out, "]");
}

od_response *od_api_respond(unsigned status, const char *content_type, od_buffer *buffer) {
    size_t size = buffer->size;
    if (size == 0) {
        return od_response_static(status, content_type, "", 0);
    }
    return od_response_take(status, content_type, od_buffer_take(buffer), size);
}
