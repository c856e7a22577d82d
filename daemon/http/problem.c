// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/problem.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TARGET_BYTES = 1024 };

static const struct {
    unsigned status;
    const char *type;
    const char *title;
} problems[] = {
#define X(name, status, type, title) [OD_PROBLEM_##name] = {status, "/problems/" type, title},
    OD_PROBLEM_MAP(X)
#undef X
};

const char *od_problem_type(od_problem problem) {
    return problems[problem].type;
}

unsigned od_problem_status(od_problem problem) {
    return problems[problem].status;
}

// The path as a URI reference: bytes that a URI cannot hold are escaped, the query is left out.
static void copy_instance(char out[TARGET_BYTES], const char *target) {
    size_t used = 0;
    for (; *target != '\0' && *target != '?' && used + 4 < TARGET_BYTES; target++) {
        unsigned char c = (unsigned char)*target;
        if (c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL) {
            out[used++] = (char)c;
        } else {
            used += (size_t)snprintf(out + used, 4, "%%%02X", c);
        }
    }
    out[used] = '\0';
}

static od_response *build(const od_request *request, od_problem problem, const char *detail,
                          cJSON *errors) {
    char instance[TARGET_BYTES];
    copy_instance(instance, od_request_target(request));
    cJSON *body = cJSON_CreateObject();
    bool whole = cJSON_AddStringToObject(body, "type", problems[problem].type) != NULL &&
                 cJSON_AddStringToObject(body, "title", problems[problem].title) != NULL &&
                 cJSON_AddNumberToObject(body, "status", problems[problem].status) != NULL &&
                 cJSON_AddStringToObject(body, "detail", detail) != NULL &&
                 cJSON_AddStringToObject(body, "instance", instance) != NULL;
    if (errors != NULL && !cJSON_AddItemToObject(body, "errors", errors)) {
        cJSON_Delete(errors);
        whole = false;
    }
    od_response *response = od_response_json(problems[problem].status, whole ? body : NULL);
    cJSON_Delete(body);
    return od_response_header(response, "Content-Type", "application/problem+json");
}

// cJSON prints strings as they are, so what a client sent is made valid UTF-8 first.
void od_problem_keep_ascii(char *text) {
    for (; *text != '\0'; text++) {
        *text = (unsigned char)*text < 0x80 ? *text : '?';
    }
}

od_response *od_problem_new(const od_request *request, od_problem problem, const od_faults *faults,
                            const char *format, ...) {
    char detail[OD_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    od_problem_keep_ascii(detail);
    cJSON *errors = NULL;
    if (faults != NULL && faults->count > 0) {
        errors = od_faults_json(faults);
        if (errors == NULL) {
            return NULL;
        }
    }
    return build(request, problem, detail, errors);
}

od_response *od_problem_rate_limited(const od_request *request, int wait_s, const char *why) {
    return od_response_header_printf(od_problem_new(request, OD_PROBLEM_RATE_LIMITED, NULL,
                                                    "%s; ask again in %d s", why, wait_s),
                                     "Retry-After", "%d", wait_s);
}

od_response *od_problem_from_error(const od_request *request, const od_error *error) {
    switch (error->status) {
    case OD_E_NOT_FOUND:
        return od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL, "%s", error->text);
    case OD_E_CONFLICT:
    case OD_E_EXISTS:
        return od_problem_new(request, OD_PROBLEM_WRONG_STATE, NULL, "%s", error->text);
    case OD_E_STALE:
        return od_problem_new(request, OD_PROBLEM_PRECONDITION_FAILED, NULL, "%s", error->text);
    case OD_E_BUSY:
        return od_problem_new(request, OD_PROBLEM_UNAVAILABLE, NULL, "%s", error->text);
    case OD_E_FULL:
        return od_problem_new(request, OD_PROBLEM_UNAVAILABLE, NULL,
                              "nothing was stored: the server's disk is full");
    default:
        break;
    }
    char text[OD_ERROR_TEXT_BYTES * 2];
    char target[TARGET_BYTES];
    od_log(OD_LOG_ERROR, "request failed", "target=%s error=%s",
           od_log_quote(target, sizeof target, od_request_target(request)),
           od_log_quote(text, sizeof text, error->text));
    return od_problem_new(request, OD_PROBLEM_INTERNAL, NULL, "%s; the server's log has more",
                          od_status_text(error->status));
}
