// SPDX-License-Identifier: Apache-2.0
// Errors as RFC 9457 problems, each of one of the types in docs/api.md.
#ifndef OD_HTTP_PROBLEM_H
#define OD_HTTP_PROBLEM_H

#include "base/schema.h"
#include "daemon/http/http.h"

// name, status, type, title
#define OD_PROBLEM_MAP(X)                                                                        \
    X(MALFORMED_JSON, 400, "malformed-json", "The body is not JSON")                             \
    X(MALFORMED_YAML, 400, "malformed-yaml", "The body is no recipe in YAML")                    \
    X(INVALID_PARAMETER, 400, "invalid-parameter", "A parameter is not valid")                   \
    X(UNAUTHORIZED, 401, "unauthorized", "The server wants a token")                             \
    X(FORBIDDEN_ROLE, 403, "forbidden-role", "The token's role is too small")                    \
    X(FORBIDDEN_HOST, 403, "forbidden-host", "The request is not for or from this server")       \
    X(NOT_FOUND, 404, "not-found", "There is no such thing here")                                \
    X(METHOD_NOT_ALLOWED, 405, "method-not-allowed", "The method is not allowed here")           \
    X(WRONG_STATE, 409, "wrong-state", "The job's state forbids it")                             \
    X(PRECONDITION_FAILED, 412, "precondition-failed", "It has changed since")                   \
    X(TOO_LARGE, 413, "too-large", "The body is too large")                                      \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported-media-type", "The body's type is not supported") \
    X(RANGE_NOT_SATISFIABLE, 416, "range-not-satisfiable", "The file has no such bytes")         \
    X(INVALID_SPEC, 422, "invalid-spec", "The spec is not valid")                                \
    X(IDEMPOTENCY_MISMATCH, 422, "idempotency-mismatch",                                         \
      "The Idempotency-Key was used with another body")                                          \
    X(RATE_LIMITED, 429, "rate-limited", "Too many requests")                                    \
    X(INTERNAL, 500, "internal", "A fault of the server")                                        \
    X(UNAVAILABLE, 503, "unavailable", "The server cannot do it now")

typedef enum od_problem {
#define X(name, status, type, title) OD_PROBLEM_##name,
    OD_PROBLEM_MAP(X)
#undef X
        OD_PROBLEM_COUNT,
} od_problem;

// "/problems/not-found" and its status.
const char *od_problem_type(od_problem problem);
unsigned od_problem_status(od_problem problem);

// faults may be NULL or empty, then the answer has no "errors". NULL: no memory.
od_response *od_problem_new(const od_request *request, od_problem problem, const od_faults *faults,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

// The problem that a failed call stands for: NOT_FOUND, CONFLICT -> WRONG_STATE, BUSY, IO and
// DATABASE without room -> UNAVAILABLE, everything else INTERNAL, which is logged with its text and
// shown without it.
od_response *od_problem_from_error(const od_request *request, const od_error *error);

// RATE_LIMITED with Retry-After.
od_response *od_problem_rate_limited(const od_request *request, int wait_s, const char *why);

// Puts a '?' for every byte of text that is no ASCII.
void od_problem_keep_ascii(char *text);

#endif
