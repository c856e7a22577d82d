// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = od_cache_new();
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state) {
    od_cache_free(*state);
    return 0;
}

static void keep(od_cache *cache, const char *target, uint64_t generation, uint64_t now_ms,
                 unsigned status, size_t size) {
    char *body = calloc(1, size);
    assert_non_null(body);
    od_response *response = od_response_take(status, "application/json", body, size);
    assert_non_null(response);
    od_cache_keep(cache, target, generation, now_ms, response);
    od_response_free(response); // the cache's share lives on
}

static bool finds(od_cache *cache, const char *target, uint64_t generation, uint64_t now_ms,
                  size_t size) {
    od_response *found = od_cache_find(cache, target, generation, now_ms);
    if (found == NULL) {
        return false;
    }
    assert_int_equal(od_response_size(found), size);
    od_response_free(found);
    return true;
}

static void an_answer_is_found_as_often_as_asked(void **state) {
    keep(*state, "/a", 1, 0, 200, 10);
    assert_true(finds(*state, "/a", 1, 0, 10));
    assert_true(finds(*state, "/a", 1, OD_CACHE_MS - 1, 10));
    assert_false(finds(*state, "/b", 1, 0, 10));
    assert_false(finds(*state, "/a?x=1", 1, 0, 10));
}

static void a_commit_ends_it(void **state) {
    keep(*state, "/a", 1, 0, 200, 10);
    assert_false(finds(*state, "/a", 2, 0, 10));
    keep(*state, "/a", 2, 0, 200, 20);
    assert_true(finds(*state, "/a", 2, 0, 20));
}

// Read before the commit and finished behind it.
static void an_answer_of_before_a_commit_is_not_found_after_it(void **state) {
    keep(*state, "/a", 2, 0, 200, 20);
    keep(*state, "/a", 1, 0, 200, 10);
    assert_false(finds(*state, "/a", 2, 0, 10));
}

static void time_ends_it(void **state) {
    keep(*state, "/a", 1, 5, 200, 10);
    assert_false(finds(*state, "/a", 1, 5 + OD_CACHE_MS, 10));
}

static void only_good_answers_of_some_size_are_kept(void **state) {
    keep(*state, "/a", 1, 0, 404, 10);
    assert_false(finds(*state, "/a", 1, 0, 10));
    keep(*state, "/a", 1, 0, 200, OD_CACHE_BODY_BYTES + 1);
    assert_false(finds(*state, "/a", 1, 0, OD_CACHE_BODY_BYTES + 1));
    od_cache_keep(*state, "/a", 1, 0, NULL);
    assert_false(finds(*state, "/a", 1, 0, 10));
    keep(*state, "/a", 1, 0, 200, OD_CACHE_BODY_BYTES);
    assert_true(finds(*state, "/a", 1, 0, OD_CACHE_BODY_BYTES));
}

static void more_answers_than_places_take_the_place_of_others(void **state) {
    char target[32];
    int found = 0;
    for (int i = 0; i < 10 * OD_CACHE_ANSWERS; i++) {
        snprintf(target, sizeof target, "/jobs/%d", i);
        keep(*state, target, 1, 0, 200, (size_t)i + 1);
    }
    for (int i = 0; i < 10 * OD_CACHE_ANSWERS; i++) {
        snprintf(target, sizeof target, "/jobs/%d", i);
        found += finds(*state, target, 1, 0, (size_t)i + 1);
    }
    assert_in_range(found, OD_CACHE_ANSWERS / 2, OD_CACHE_ANSWERS);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_found_as_often_as_asked),
        TEST(a_commit_ends_it),
        TEST(an_answer_of_before_a_commit_is_not_found_after_it),
        TEST(time_ends_it),
        TEST(only_good_answers_of_some_size_are_kept),
        TEST(more_answers_than_places_take_the_place_of_others),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
