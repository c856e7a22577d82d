// SPDX-License-Identifier: Apache-2.0
#include "cli/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *body, const char *wanted) {
    od_buffer out = {0};
    assert_int_equal(od_problem_line(&out, 422, body, strlen(body)), OD_OK);
    assert_string_equal(out.data, wanted);
    od_buffer_fini(&out);
}

static void a_problem_is_one_line(void **state) {
    (void)state;
    check("{\"title\": \"Not \\u001b[31mvalid\", \"detail\": \"2 faults\", \"errors\": ["
          "{\"pointer\": \"/train/epochs\", \"detail\": \"is 0\"},"
          "{\"pointer\": \"/a\", \"detail\": \"x\\ny\"}]}",
          "Not valid: 2 faults; /train/epochs: is 0 | /a: x y");
    check("{\"title\": \"Not found\", \"detail\": \"no job 7\"}", "Not found: no job 7");
    check("{\"title\": \"Not found\"}", "Not found");
}

static void what_is_no_problem_is_told_by_status(void **state) {
    (void)state;
    static const char text[] =
        "answered with HTTP status 422 and no problem+json; is it an orthod?";
    check("", text);
    check("<html>", text);
    check("[1]", text);
    check("{\"title\": 3}", text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_is_one_line),
        cmocka_unit_test(what_is_no_problem_is_told_by_status),
    };
    return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
