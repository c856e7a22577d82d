// SPDX-License-Identifier: Apache-2.0
#include "base/prune.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POINTERS = 3 };

static od_faults faults_at(const char *const pointers[POINTERS]) {
    od_faults faults = {0};
    for (int i = 0; i < POINTERS && pointers[i] != NULL; i++) {
        assert_int_equal(od_faults_add(&faults, pointers[i], "is wrong"), OD_OK);
    }
    return faults;
}

static void what_is_faulty_goes(void **state) {
    static const struct {
        const char *pointers[POINTERS];
        const char *left; // NULL: nothing useful
    } cases[] = {
        {{NULL}, "{\"a\":{\"b\":1,\"c\":[1,2]},\"x/y~z\":{\"\":3}}"},
        {{"/a/b"}, "{\"a\":{\"c\":[1,2]},\"x/y~z\":{\"\":3}}"},
        {{"/a/b", "/a/b/c", "/a"}, "{\"x/y~z\":{\"\":3}}"},
        {{"/a/c/1", "/a/c/0"}, "{\"a\":{\"b\":1},\"x/y~z\":{\"\":3}}"},
        {{"/a/d", "/d", "/x~1y~0z/"}, "{\"a\":{\"b\":1,\"c\":[1,2]},\"x/y~z\":{}}"},
        {{"/a", ""}, NULL},
    };
    static const char text[] = "{\"a\":{\"b\":1,\"c\":[1,2]},\"x/y~z\":{\"\":3}}";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *document = NULL;
        od_faults faults = faults_at(cases[i].pointers);
        assert_int_equal(od_json_parse(text, strlen(text), &document, NULL), OD_OK);
        assert_int_equal(od_prune(document, &faults), cases[i].left != NULL);
        if (cases[i].left != NULL) {
            char *left = od_json_print(document);
            assert_string_equal(left, cases[i].left);
            free(left);
        }
        od_faults_fini(&faults);
        cJSON_Delete(document);
    }
}

static void a_list_that_is_cut_off_leaves_nothing(void **state) {
    od_faults faults = {0};
    cJSON *document = cJSON_CreateObject();
    (void)state;
    while (!od_faults_full(&faults)) {
        assert_true(od_prune(document, &faults));
        assert_int_equal(od_faults_add(&faults, "/a", "is wrong"), OD_OK);
    }
    assert_false(od_prune(document, &faults));
    od_faults_fini(&faults);
    cJSON_Delete(document);
}

static void faults_touch_what_is_above_and_below(void **state) {
    od_faults faults = faults_at((const char *const[POINTERS]){"/a/b"});
    (void)state;
    assert_true(od_faults_touch(&faults, "/a"));
    assert_true(od_faults_touch(&faults, "/a/b"));
    assert_true(od_faults_touch(&faults, "/a/b/c"));
    assert_true(od_faults_touch(&faults, ""));
    assert_false(od_faults_touch(&faults, "/a/bc"));
    assert_false(od_faults_touch(&faults, "/a/c"));
    assert_false(od_faults_touch(&faults, "/b"));
    od_faults_fini(&faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_faulty_goes),
        cmocka_unit_test(a_list_that_is_cut_off_leaves_nothing),
        cmocka_unit_test(faults_touch_what_is_above_and_below),
    };
    return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
