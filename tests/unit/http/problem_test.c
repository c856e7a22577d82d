// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/problem.h"

#include "daemon/http/private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static od_request request = {.target = (char *)(uintptr_t) "/api/v1/jobs?x=1"};

static void test_types_and_statuses(void **state) {
    (void)state;
    static const struct {
        od_problem problem;
        const char *type;
        unsigned status;
    } rows[] = {
        {OD_PROBLEM_MALFORMED_JSON, "/problems/malformed-json", 400},
        {OD_PROBLEM_MALFORMED_YAML, "/problems/malformed-yaml", 400},
        {OD_PROBLEM_INVALID_PARAMETER, "/problems/invalid-parameter", 400},
        {OD_PROBLEM_UNAUTHORIZED, "/problems/unauthorized", 401},
        {OD_PROBLEM_FORBIDDEN_ROLE, "/problems/forbidden-role", 403},
        {OD_PROBLEM_FORBIDDEN_HOST, "/problems/forbidden-host", 403},
        {OD_PROBLEM_NOT_FOUND, "/problems/not-found", 404},
        {OD_PROBLEM_METHOD_NOT_ALLOWED, "/problems/method-not-allowed", 405},
        {OD_PROBLEM_WRONG_STATE, "/problems/wrong-state", 409},
        {OD_PROBLEM_PRECONDITION_FAILED, "/problems/precondition-failed", 412},
        {OD_PROBLEM_TOO_LARGE, "/problems/too-large", 413},
        {OD_PROBLEM_UNSUPPORTED_MEDIA_TYPE, "/problems/unsupported-media-type", 415},
        {OD_PROBLEM_RANGE_NOT_SATISFIABLE, "/problems/range-not-satisfiable", 416},
        {OD_PROBLEM_INVALID_SPEC, "/problems/invalid-spec", 422},
        {OD_PROBLEM_IDEMPOTENCY_MISMATCH, "/problems/idempotency-mismatch", 422},
        {OD_PROBLEM_RATE_LIMITED, "/problems/rate-limited", 429},
        {OD_PROBLEM_INTERNAL, "/problems/internal", 500},
        {OD_PROBLEM_UNAVAILABLE, "/problems/unavailable", 503},
    };
    assert_int_equal(sizeof rows / sizeof rows[0], OD_PROBLEM_COUNT);
    for (size_t i = 0; i < OD_PROBLEM_COUNT; i++) {
        assert_string_equal(od_problem_type(rows[i].problem), rows[i].type);
        od_response *response = od_problem_new(&request, rows[i].problem, NULL, "because");
        assert_int_equal(od_response_status(response), rows[i].status);
        od_response_free(response);
    }
}

static void test_failures_become_problems(void **state) {
    (void)state;
    static const struct {
        od_status status;
        unsigned expected;
    } rows[] = {
        {OD_E_NOT_FOUND, 404}, {OD_E_CONFLICT, 409}, {OD_E_BUSY, 503},     {OD_E_FULL, 503},
        {OD_E_IO, 500},        {OD_E_DATABASE, 500}, {OD_E_INTERNAL, 500},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        od_error error = {.status = rows[i].status, .text = "secret path"};
        od_response *response = od_problem_from_error(&request, &error);
        assert_int_equal(od_response_status(response), rows[i].expected);
        od_response_free(response);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_statuses),
        cmocka_unit_test(test_failures_become_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
