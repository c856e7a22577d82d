// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_every_form(void **state) {
    (void)state;
    static const struct {
        const char *header;
        uint64_t total;
        od_range_kind kind;
        uint64_t first;
        uint64_t size;
    } rows[] = {
        {NULL, 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=0-0", 10, OD_RANGE_PART, 0, 1},
        {"bytes=2-5", 10, OD_RANGE_PART, 2, 4},
        {"Bytes=2-", 10, OD_RANGE_PART, 2, 8},
        {"bytes=2-99", 10, OD_RANGE_PART, 2, 8},
        {"bytes=9-9", 10, OD_RANGE_PART, 9, 1},
        {"bytes=-3", 10, OD_RANGE_PART, 7, 3},
        {"bytes=-99", 10, OD_RANGE_PART, 0, 10},
        {"bytes=-18446744073709551616", 10, OD_RANGE_PART, 0, 10},
        {"bytes=0-18446744073709551616", 10, OD_RANGE_PART, 0, 10},
        {"bytes=10-", 10, OD_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551616-", 10, OD_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, OD_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-0", 0, OD_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, OD_RANGE_UNSATISFIABLE, 0, 0},
        // To be ignored: RFC 9110 lets a server treat them as not there.
        {"bytes=5-2", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=-", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=1-2,4-5", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=1-2x", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes=+1-2", 10, OD_RANGE_WHOLE, 0, 10},
        {"bytes 1-2", 10, OD_RANGE_WHOLE, 0, 10},
        {"items=1-2", 10, OD_RANGE_WHOLE, 0, 10},
        {"", 10, OD_RANGE_WHOLE, 0, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        od_range range;
        if (od_range_parse(rows[i].header, rows[i].total, &range) != rows[i].kind) {
            fail_msg("kind of \"%s\"", rows[i].header);
        }
        if (rows[i].kind != OD_RANGE_UNSATISFIABLE) {
            assert_int_equal(range.first, rows[i].first);
            assert_int_equal(range.size, rows[i].size);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
