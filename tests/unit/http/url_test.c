// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_segments_and_parameters_are_decoded_once(void **state) {
    (void)state;
    od_url url;
    od_error error = {0};
    assert_int_equal(
        od_url_parse("/api/v1/jobs?series=train%2F%2A,val/acc%401&x=a+b%2Bc&&flag", &url, &error),
        OD_OK);
    assert_int_equal(url.segment_count, 3);
    assert_string_equal(url.segments[2], "jobs");
    assert_int_equal(url.parameter_count, 3);
    assert_string_equal(od_url_parameter_value(&url, "series"), "train/*,val/acc@1");
    assert_string_equal(od_url_parameter_value(&url, "x"), "a b+c");
    assert_string_equal(od_url_parameter_value(&url, "flag"), "");
    assert_null(od_url_parameter_value(&url, "none"));
    od_url_fini(&url);
}

static void test_what_is_encoded_twice_stays_encoded(void **state) {
    (void)state;
    od_url url;
    assert_int_equal(od_url_parse("/a/%252e%252e/b+c", &url, NULL), OD_OK);
    assert_string_equal(url.segments[1], "%2e%2e");
    assert_string_equal(url.segments[2], "b+c"); // a plus is a space in queries alone
    od_url_fini(&url);
}

static void test_an_encoded_slash_does_not_part_segments(void **state) {
    (void)state;
    od_url url;
    assert_int_equal(od_url_parse("/a%2Fb/%2e%2e/", &url, NULL), OD_OK);
    assert_int_equal(url.segment_count, 3);
    assert_string_equal(url.segments[0], "a/b");
    assert_string_equal(url.segments[1], "..");
    assert_string_equal(url.segments[2], "");
    od_url_fini(&url);
}

static void test_the_root_and_absolute_targets(void **state) {
    (void)state;
    static const char *const targets[] = {"/", "http://127.0.0.1:8420", "HTTP://x/"};
    for (size_t i = 0; i < 3; i++) {
        od_url url;
        assert_int_equal(od_url_parse(targets[i], &url, NULL), OD_OK);
        assert_int_equal(url.segment_count, 1);
        assert_string_equal(url.segments[0], "");
        od_url_fini(&url);
    }
}

static void test_bad_targets_are_refused(void **state) {
    (void)state;
    static const char *const targets[] = {
        "",           "a",        "*",        "/%",   "/%4",  "/%zz",
        "/%00",       "/a?b=%00", "/a?%g1=1", "/%c3", "/%ff", "/\xc3(",
        "/%c0%af",    // an overlong slash
        "/%ed%a0%80", // a surrogate
        "/%\x14\x15", "/%0\x11",  "/%1 ",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        od_url url;
        od_error error = {0};
        assert_int_equal(od_url_parse(targets[i], &url, &error), OD_E_INVALID);
        assert_true(error.text[0] != '\0');
        od_url_fini(&url);
    }
}

static void test_too_many_parts_are_refused(void **state) {
    (void)state;
    char path[200] = "";
    char query[200] = "/?";
    for (int i = 0; i < OD_URL_MAX_SEGMENTS + 1; i++) {
        memcpy(path + 2 * i, "/a", 3);
    }
    for (int i = 0; i < OD_URL_MAX_PARAMETERS + 1; i++) {
        memcpy(query + 2 + 3 * i, "a=&", 4);
    }
    od_url url;
    assert_int_equal(od_url_parse(path, &url, NULL), OD_E_INVALID);
    od_url_fini(&url);
    assert_int_equal(od_url_parse(query, &url, NULL), OD_E_INVALID);
    od_url_fini(&url);
    path[strlen(path) - 2] = '\0';
    assert_int_equal(od_url_parse(path, &url, NULL), OD_OK);
    assert_int_equal(url.segment_count, OD_URL_MAX_SEGMENTS);
    od_url_fini(&url);
}

static void test_escaping_reads_back(void **state) {
    (void)state;
    static const char text[] = "paper=t\xc3\xa9 2&x%y#z?";
    od_buffer target = {0};
    od_url url;
    assert_int_equal(od_buffer_append_text(&target, "/?a="), OD_OK);
    assert_int_equal(od_url_escape(&target, text), OD_OK);
    assert_null(strpbrk(target.data + 4, "&# ?"));
    assert_int_equal(od_url_parse(target.data, &url, NULL), OD_OK);
    assert_string_equal(od_url_parameter_value(&url, "a"), text);
    od_url_fini(&url);
    od_buffer_fini(&target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_and_parameters_are_decoded_once),
        cmocka_unit_test(test_what_is_encoded_twice_stays_encoded),
        cmocka_unit_test(test_an_encoded_slash_does_not_part_segments),
        cmocka_unit_test(test_the_root_and_absolute_targets),
        cmocka_unit_test(test_bad_targets_are_refused),
        cmocka_unit_test(test_too_many_parts_are_refused),
        cmocka_unit_test(test_escaping_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
