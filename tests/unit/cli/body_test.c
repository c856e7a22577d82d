// SPDX-License-Identifier: Apache-2.0
#include "cli/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static od_body_kind kind_of(const char *text) {
    od_buffer body = {0};
    od_body_kind kind = OD_BODY_SPEC;
    assert_int_equal(od_buffer_append_text(&body, text), OD_OK);
    assert_int_equal(od_body_kind_of(&body, &kind, NULL), OD_OK);
    od_buffer_fini(&body);
    return kind;
}

static void contents_decide(void **state) {
    (void)state;
    assert_int_equal(kind_of(" {\"model\": {}}"), OD_BODY_SPEC);
    assert_int_equal(kind_of("{\"vary\": {}}"), OD_BODY_EXPERIMENT);
    assert_int_equal(kind_of("\n{\"base\": {}}"), OD_BODY_EXPERIMENT);
    assert_int_equal(kind_of("model: vit\n"), OD_BODY_RECIPE);
    assert_int_equal(kind_of(""), OD_BODY_RECIPE);
    od_buffer body = {"{\"model\"", 8, 9};
    od_body_kind kind = OD_BODY_SPEC;
    assert_int_equal(od_body_kind_of(&body, &kind, NULL), OD_E_SYNTAX);
}

static void check_set(const char *text, od_body_kind kind, const char *setting,
                      const char *wanted) {
    od_buffer body = {0};
    assert_int_equal(od_buffer_append_text(&body, text), OD_OK);
    assert_int_equal(od_body_set(&body, kind, setting, NULL), OD_OK);
    assert_string_equal(body.data, wanted);
    od_buffer_fini(&body);
}

static void settings_change_the_spec(void **state) {
    (void)state;
    check_set("{\"name\":\"a\"}", OD_BODY_SPEC, "name=b c", "{\"name\":\"b c\"}");
    check_set("{\"train\":{\"epochs\":1}}", OD_BODY_SPEC, "train.epochs=3",
              "{\"train\":{\"epochs\":3}}");
    check_set("{}", OD_BODY_SPEC, "train.optimizer.lr=1e-3",
              "{\"train\":{\"optimizer\":{\"lr\":0.001}}}");
    check_set("{\"base\":{},\"vary\":{}}", OD_BODY_EXPERIMENT, "train.seed=3",
              "{\"base\":{\"train\":{\"seed\":3}},\"vary\":{}}");
    check_set("{\"a\":null}", OD_BODY_SPEC, "a.b=x=y", "{\"a\":{\"b\":\"x=y\"}}");
}

static void settings_without_a_key_are_refused(void **state) {
    (void)state;
    od_buffer body = {"{}", 2, 3};
    assert_int_equal(od_body_set(&body, OD_BODY_SPEC, "name", NULL), OD_E_INVALID);
    assert_int_equal(od_body_set(&body, OD_BODY_SPEC, "=3", NULL), OD_E_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_decide),
        cmocka_unit_test(settings_change_the_spec),
        cmocka_unit_test(settings_without_a_key_are_refused),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
