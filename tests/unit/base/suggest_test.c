// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void distances_count_edits(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},           {"a", "", 1},        {"abc", "abc", 0},        {"abc", "abd", 1},
        {"abc", "ab", 1},      {"abc", "xabc", 1},  {"kitten", "sitting", 3}, {"seed", "sead", 1},
        {"train", "trian", 2}, {"flaw", "lawn", 2}, {"abc", "def", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(od_suggest_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(od_suggest_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void long_names_are_far_from_everything(void **state) {
    (void)state;
    char name[200];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_true(od_suggest_distance(name, name) == SIZE_MAX);
    assert_true(od_suggest_distance("a", name) == SIZE_MAX);
    name[64] = '\0';
    assert_int_equal(od_suggest_distance(name, ""), 64);
}

static void the_nearest_key_is_suggested(void **state) {
    (void)state;
    cJSON *object =
        cJSON_Parse("{\"epochs\":1,\"every_epochs\":1,\"every_steps\":1,\"lr\":1,\"n\":1}");
    static const char *const cases[][2] = {
        {"epoch", "epochs"},
        {"Epochs", "epochs"},
        {"every_epoch", "every_epochs"},
        {"every_step", "every_steps"},
        {"rl", NULL},
        {"lrs", "lr"},
        {"learning_rate", NULL},
        {"m", NULL},
        {"", NULL},
        {"x", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = od_suggest_key(object, cases[i][0]);
        if (found != NULL && cases[i][1] != NULL) {
            assert_string_equal(found, cases[i][1]);
        } else if (found != cases[i][1]) {
            fail_msg("%s: %s", cases[i][0], found != NULL ? found : "nothing");
        }
    }
    assert_null(od_suggest_key(NULL, "epochs"));
    cJSON_Delete(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_count_edits),
        cmocka_unit_test(long_names_are_far_from_everything),
        cmocka_unit_test(the_nearest_key_is_suggested),
    };
    return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
