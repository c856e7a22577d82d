// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/merge.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// The examples of RFC 7396, appendix A.
static const char *const rows[][3] = {
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
    {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
    {"{\"a\":\"foo\"}", "null", "null"},
    {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
    {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

static void test_the_examples_of_the_rfc(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *patch = cJSON_Parse(rows[i][1]);
        cJSON *merged = od_merge_patch(cJSON_Parse(rows[i][0]), patch);
        char *text = od_json_canonical(merged);
        assert_string_equal(text, rows[i][2]);
        free(text);
        cJSON_Delete(merged);
        cJSON_Delete(patch);
    }
}

static void test_nothing_there_yet(void **state) {
    (void)state;
    cJSON *patch = cJSON_Parse("{\"a\":null,\"b\":{\"c\":null,\"d\":1}}");
    cJSON *merged = od_merge_patch(NULL, patch);
    char *text = od_json_canonical(merged);
    assert_string_equal(text, "{\"b\":{\"d\":1}}");
    free(text);
    cJSON_Delete(merged);
    cJSON_Delete(patch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_rfc),
        cmocka_unit_test(test_nothing_there_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
