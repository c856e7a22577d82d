// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool match(const char *pattern, const char *name) {
    return od_glob_match(pattern, strlen(pattern), name);
}

static void test_patterns(void **state) {
    (void)state;
    assert_true(match("train/loss", "train/loss"));
    assert_false(match("train/loss", "train/los"));
    assert_false(match("train/los", "train/loss"));
    assert_true(match("train/*", "train/grad/global_norm"));
    assert_true(match("*", ""));
    assert_true(match("*", "anything"));
    assert_true(match("**", "x"));
    assert_true(match("*/block0?/*", "activation/attn/block07/rho_par"));
    assert_false(match("*/block0?/*", "activation/attn/block17/rho_par"));
    assert_true(match("val/acc@?", "val/acc@5"));
    assert_true(match("a*b*c", "a-b-b-c"));
    assert_false(match("a*b*c", "a-b-b-"));
    assert_true(match("*aab", "aaaaab"));
    assert_false(match("", "x"));
    assert_true(match("", ""));
    // Everything but '*' and '?' stands for itself.
    assert_true(match("[a]\\", "[a]\\"));
    assert_false(match("[a]", "a"));
}

// The obvious recursive definition, to compare with.
static bool match_slowly(const char *pattern, const char *name) {
    if (*pattern == '\0') {
        return *name == '\0';
    }
    if (*pattern == '*') {
        return match_slowly(pattern + 1, name) ||
               (*name != '\0' && match_slowly(pattern, name + 1));
    }
    return *name != '\0' && (*pattern == '?' || *pattern == *name) &&
           match_slowly(pattern + 1, name + 1);
}

static void test_random_patterns_match_as_defined(void **state) {
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        char pattern[9] = "";
        char name[9] = "";
        for (int k = rand_r(&seed) % 8; k > 0; k--) {
            pattern[k - 1] = "ab?**"[rand_r(&seed) % 5];
        }
        for (int k = rand_r(&seed) % 8; k > 0; k--) {
            name[k - 1] = "ab"[rand_r(&seed) % 2];
        }
        if (match(pattern, name) != match_slowly(pattern, name)) {
            fail_msg("\"%s\" and \"%s\"", pattern, name);
        }
    }
}

static void test_a_hostile_pattern_is_no_slower(void **state) {
    (void)state;
    char name[5000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static void test_lists(void **state) {
    (void)state;
    assert_true(od_glob_match_list("train/*,val/acc@1", "val/acc@1"));
    assert_true(od_glob_match_list(",,val/acc@1", "val/acc@1"));
    assert_false(od_glob_match_list("train/*,val/acc@1", "val/acc@5"));
    assert_false(od_glob_match_list("", ""));
}

static bool count_two(void *ctx, const char *name, size_t size) {
    *(int *)ctx += size == 2 && memcmp(name, "ab", 2) == 0 ? 1 : 100;
    return true;
}

static bool refuse(void *ctx, const char *name, size_t size) {
    (void)name;
    (void)size;
    ++*(int *)ctx;
    return false;
}

static void test_plain_names_of_a_list(void **state) {
    (void)state;
    int count = 0;
    assert_true(od_glob_each_name("a*,ab,?,,ab", count_two, &count));
    assert_int_equal(count, 2);
    count = 0;
    assert_false(od_glob_each_name("a,b", refuse, &count));
    assert_int_equal(count, 1);
    assert_true(od_glob_each_name("*", refuse, &count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_random_patterns_match_as_defined),
        cmocka_unit_test(test_a_hostile_pattern_is_no_slower),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_plain_names_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
