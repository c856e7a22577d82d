// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/router.h"

#include "daemon/http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void nothing(od_request *request) {
    (void)request;
}

enum { ALL = 0xff };

static const od_route routes[] = {
    {OD_METHOD_GET, "/jobs", nothing, 0, NULL, OD_ROLE_ADMIN},
    {OD_METHOD_POST, "/jobs", nothing, 0, NULL, OD_ROLE_ADMIN},
    {OD_METHOD_GET, "/jobs/{id}", nothing, 0, NULL, OD_ROLE_ADMIN},
    {OD_METHOD_POST, "/jobs/{id}/cancel", nothing, 0, NULL, OD_ROLE_ADMIN},
    {(od_method)ALL, "/*", nothing, 0, NULL, OD_ROLE_ADMIN},
};
enum { ROUTES = sizeof routes / sizeof routes[0], FALLBACK = ROUTES - 1, NONE = -1 };

// The row's index, or NONE.
static int find(od_method method, const char *path, unsigned *methods) {
    od_url url;
    assert_int_equal(od_url_parse(path, &url, NULL), OD_OK);
    const od_route *found =
        od_router_find(routes, ROUTES, method, url.segments, url.segment_count, methods);
    od_url_fini(&url);
    return found != NULL ? (int)(found - routes) : NONE;
}

static void test_rows_are_found_by_method_and_path(void **state) {
    (void)state;
    unsigned methods;
    assert_int_equal(find(OD_METHOD_GET, "/jobs", &methods), 0);
    assert_int_equal(find(OD_METHOD_HEAD, "/jobs", &methods), 0);
    assert_int_equal(find(OD_METHOD_POST, "/jobs", &methods), 1);
    assert_int_equal(find(OD_METHOD_GET, "/jobs/7", &methods), 2);
    assert_int_equal(find(OD_METHOD_GET, "/jobs/%2e%2e", &methods), 2);
    assert_int_equal(find(OD_METHOD_POST, "/jobs/7/cancel", &methods), 3);
}

static void test_a_known_path_with_another_method(void **state) {
    (void)state;
    unsigned methods;
    char allow[OD_ROUTER_ALLOW_BYTES];
    assert_int_equal(find(OD_METHOD_DELETE, "/jobs", &methods), NONE);
    assert_string_equal(od_router_allow(allow, methods), "GET, HEAD, POST, OPTIONS");
    assert_int_equal(find(OD_METHOD_GET, "/jobs/7/cancel", &methods), NONE);
    assert_string_equal(od_router_allow(allow, methods), "POST, OPTIONS");
    assert_int_equal(find(OD_METHOD_OPTIONS, "/jobs/7", &methods), NONE);
    assert_string_equal(od_router_allow(allow, methods), "GET, HEAD, OPTIONS");
    assert_int_equal(find(OD_METHOD_OTHER, "/jobs/7", &methods), NONE);
}

static void test_other_paths_fall_back(void **state) {
    (void)state;
    unsigned methods;
    static const char *const paths[] = {
        "/", "/jobs/", "/jobs/7/", "/jobs//cancel", "/jobs/7/cancel/x", "/JOBS", "/a/b/c"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(find(OD_METHOD_GET, paths[i], &methods), FALLBACK);
        assert_int_equal(find(OD_METHOD_DELETE, paths[i], &methods), FALLBACK);
        assert_int_equal(find(OD_METHOD_OPTIONS, paths[i], &methods), FALLBACK);
    }
}

static void test_without_a_fallback_nothing_is_found(void **state) {
    (void)state;
    unsigned methods = 1;
    static const char *const segments[] = {"none"};
    assert_null(od_router_find(routes, FALLBACK, OD_METHOD_GET, segments, 1, &methods));
    assert_int_equal(methods, 0);
}

static void test_method_names(void **state) {
    (void)state;
    assert_int_equal(od_router_method("PATCH"), OD_METHOD_PATCH);
    assert_int_equal(od_router_method("get"), OD_METHOD_OTHER);
    assert_int_equal(od_router_method("BREW"), OD_METHOD_OTHER);
}

static void test_lists_of_parameters(void **state) {
    (void)state;
    assert_true(od_router_listed("state label", "state"));
    assert_true(od_router_listed("state label", "label"));
    assert_false(od_router_listed("state label", "lab"));
    assert_false(od_router_listed("state label", "labels"));
    assert_false(od_router_listed("state label", ""));
    assert_false(od_router_listed("state label", "state label"));
    assert_false(od_router_listed(NULL, "state"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_found_by_method_and_path),
        cmocka_unit_test(test_a_known_path_with_another_method),
        cmocka_unit_test(test_other_paths_fall_back),
        cmocka_unit_test(test_without_a_fallback_nothing_is_found),
        cmocka_unit_test(test_method_names),
        cmocka_unit_test(test_lists_of_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
