// SPDX-License-Identifier: Apache-2.0
// What od_json_parse takes and what it refuses, case by case, and the functions on trees.
#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cJSON *parse(const char *text) {
    cJSON *value = NULL;
    od_error error = {0};
    if (od_json_parse(text, strlen(text), &value, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

// text comes back as printed.
static void expect_print(const char *text, const char *printed) {
    cJSON *value = parse(text);
    char *out = od_json_print(value);
    assert_non_null(out);
    assert_string_equal(out, printed);
    free(out);
    cJSON_Delete(value);
}

static void expect_refused(const char *text, size_t size, const char *message) {
    // A copy of the exact size, so that a read beyond the end is seen by AddressSanitizer.
    char *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, text, size);
    cJSON *value = NULL;
    od_error error = {0};
    od_status status = od_json_parse(copy, size, &value, &error);
    free(copy);
    if (status != OD_E_SYNTAX || value != NULL) {
        fail_msg("accepted: %s", text);
    }
    if (strstr(error.text, message) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, message);
    }
}

static void takes_every_kind_of_value(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"null", "null"},
        {" true ", "true"},
        {"\t\r\nfalse\n", "false"},
        {"0", "0"},
        {"-0", "0"},
        {"-12.5e-1", "-1.25"},
        {"1E+2", "100"},
        {"0.1", "0.1"},
        {"1e-6", "1e-06"},
        {"9007199254740991", "9007199254740991"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"1e-999", "0"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"0.1000000000000000000000000000000000000000000000000000000000000000000000000001", "0.1"},
        {"\"\"", "\"\""},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009z\""},
        {"\"\\u00e9\\u20AC\\ud83d\\uDE00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\xc3\xa9\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\"",
         "\"\xc3\xa9\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\""},
        {"[]", "[]"},
        {"[ ]", "[]"},
        {"[1,[2,\n[]],{}]", "[1,[2,[]],{}]"},
        {"{}", "{}"},
        {"{ \"a\" : 1 , \"b\" : { \"a\" : [ { \"a\" : null } ] } }",
         "{\"a\":1,\"b\":{\"a\":[{\"a\":null}]}}"},
        {"{\"\":0}", "{\"\":0}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_print(cases[i][0], cases[i][1]);
    }
}

static void refuses_what_rfc_8259_does_not_allow(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "line 1, column 1: the text ends where a value should be"},
        {"  ", "line 1, column 3"},
        {"\xef\xbb\xbf{}", "byte 0xef stands where a value"},
        {"nul", "'n' stands"},
        {"True", "'T' stands"},
        {"NaN", "'N' stands"},
        {"Infinity", "'I' stands"},
        {"-Infinity", "'I' stands where a digit"},
        {"nullx", "column 5: 'x' stands where the end of the text"},
        {"{} {}", "'{' stands where the end"},
        {"// a\n1", "'/' stands"},
        {"1 /* a */", "'/' stands"},
        {"'a'", "''' stands"},
        {"\v1", "byte 0x0b"},
        {"\xc2\xa0"
         "1",
         "byte 0xc2"},
        // numbers
        {"01", "column 1: a number with a leading zero"},
        {"-01", "column 2: a number with a leading zero"},
        {"+1", "'+' stands"},
        {".5", "'.' stands"},
        {"5.", "the text ends where a digit"},
        {"5.e1", "'e' stands where a digit"},
        {"1e", "where a digit"},
        {"1e+", "where a digit"},
        {"-", "where a digit"},
        {"--1", "'-' stands where a digit"},
        {"0x10", "'x' stands where the end"},
        {"1_000", "'_' stands"},
        {"1e309", "beyond the range of a double"},
        {"[0, -1e400]", "column 5: a number beyond"},
        // strings
        {"\"a", "column 1: a string that does not end"},
        {"\"a\\\"", "a string that does not end"},
        {"\"\n\"", "a control character"},
        {"\"\t\"", "a control character"},
        {"\"\x1f\"", "a control character"},
        {"\"\\a\"", "'a' stands where an escape"},
        {"\"\\x41\"", "'x' stands where an escape"},
        {"\"\\", "the text ends where an escape"},
        {"\"\\u12\"", "where one of four hexadecimal digits"},
        {"\"\\u12g4\"", "'g' stands where one of four"},
        {"\"\\u", "the text ends where one of four"},
        {"\"\\u0000\"", "column 2: \\u0000 is not accepted"},
        {"\"\\ud800\"", "a high surrogate without the low one"},
        {"\"\\ud800x\"", "a high surrogate without the low one"},
        {"\"\\ud800\\n\"", "a high surrogate without the low one"},
        {"\"\\ud800\\ud800\"", "a high surrogate without the low one"},
        {"\"\\udc00\"", "a low surrogate without the high one"},
        {"\"\\udc00\\ud800\"", "a low surrogate without the high one"},
        {"\"\\ud800\\u\"", "where one of four"},
        // UTF-8
        {"\"\x80\"", "column 2: invalid UTF-8"},
        {"\"\xc3\"", "invalid UTF-8"},
        {"\"\xc0\x80\"", "invalid UTF-8"},
        {"\"\xc1\xbf\"", "invalid UTF-8"},
        {"\"\xe0\x9f\xbf\"", "invalid UTF-8"},
        {"\"\xed\xa0\x80\"", "invalid UTF-8"},
        {"\"\xe2\x82\"", "invalid UTF-8"},
        {"\"\xf0\x8f\xbf\xbf\"", "invalid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "invalid UTF-8"},
        {"\"\xf5\x80\x80\x80\"", "invalid UTF-8"},
        {"\"\xff\"", "invalid UTF-8"},
        {"\"\xe2\x82", "invalid UTF-8"},
        // arrays and objects
        {"[", "the text ends where a value"},
        {"[1", "the text ends where ',' or ']'"},
        {"[1,", "where a value"},
        {"[1,]", "']' stands where a value"},
        {"[,1]", "',' stands where a value"},
        {"[1 2]", "'2' stands where ',' or ']'"},
        {"[1}", "'}' stands where ',' or ']'"},
        {"]", "']' stands where a value"},
        {"{", "where a key in double quotes"},
        {"{\"a\"", "where ':'"},
        {"{\"a\":", "where a value"},
        {"{\"a\":}", "'}' stands where a value"},
        {"{\"a\" 1}", "'1' stands where ':'"},
        {"{\"a\":1", "where ',' or '}'"},
        {"{\"a\":1,}", "'}' stands where a key"},
        {"{,}", "',' stands where a key"},
        {"{a:1}", "'a' stands where a key"},
        {"{1:1}", "'1' stands where a key"},
        {"{\"a\":1]", "']' stands where ',' or '}'"},
        {"{\"\\u0000\":1}", "\\u0000 is not accepted"},
        // duplicate keys
        {"{\"a\":1,\"a\":1}", "column 8: the key \"a\" stands twice"},
        {"{\"a\":1,\n \"b\":2, \"\\u0061\":3}", "line 2, column 9: the key \"a\" stands twice"},
        {"[{\"x\":{\"\":1,\"y\":2,\"\":3}}]", "the key \"\" stands twice"},
        // where
        {"{\n  \"\xc3\xa9\": 1,\n  \"\xe2\x82\xac\xe2\x82\xac\" 2\n}", "line 3, column 8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_refused(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    }
    expect_refused("\"a\0b\"", 5, "a control character");
    expect_refused("1\0", 2, "byte 0x00 stands where the end");
    expect_refused("\"\\\0\"", 4, "byte 0x00 stands where an escape");
}

static void refuses_deep_nesting_only(void **state) {
    (void)state;
    char text[2 * OD_JSON_MAX_DEPTH + 3];
    memset(text, '[', OD_JSON_MAX_DEPTH);
    memset(text + OD_JSON_MAX_DEPTH, ']', OD_JSON_MAX_DEPTH);
    text[2 * OD_JSON_MAX_DEPTH] = '\0';
    cJSON_Delete(parse(text));
    memset(text, '[', OD_JSON_MAX_DEPTH + 1);
    memset(text + OD_JSON_MAX_DEPTH + 1, ']', OD_JSON_MAX_DEPTH + 1);
    expect_refused(text, sizeof text - 1, "column 65: nested more than 64 deep");
    char *hostile = malloc(1000000);
    assert_non_null(hostile);
    memset(hostile, '[', 1000000);
    expect_refused(hostile, 1000000, "nested more than 64 deep");
    free(hostile);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    const char *text =
        "{\"a\": [1.5e3, \"\xc3\xa9\\ud83d\\ude00\\n\", true], \"b\": {\"c\": null}}";
    for (size_t size = 0; size < strlen(text); size++) {
        expect_refused(text, size, "line 1");
    }
}

static void many_keys_take_no_quadratic_time(void **state) {
    (void)state;
    enum { KEYS = 100000 };
    char *text = malloc(KEYS * 12 + 2);
    assert_non_null(text);
    size_t size = 1;
    text[0] = '{';
    for (int i = 0; i < KEYS; i++) {
        size += (size_t)sprintf(text + size, "%s\"%d\":0", i > 0 ? "," : "", i);
    }
    text[size++] = '}';
    cJSON *value = NULL;
    assert_int_equal(od_json_parse(text, size, &value, NULL), OD_OK);
    assert_int_equal(cJSON_GetArraySize(value), KEYS);
    cJSON_Delete(value);
    free(text);
}

static void finds_values_at_dotted_paths(void **state) {
    (void)state;
    cJSON *value = parse("{\"a\":{\"b\":{\"c\":7},\"bb\":8},\"s\":\"x\",\"l\":[1]}");
    assert_int_equal(od_json_at(value, "a.b.c")->valueint, 7);
    assert_int_equal(od_json_at(value, "a.bb")->valueint, 8);
    assert_ptr_equal(od_json_at(value, "s"), cJSON_GetObjectItem(value, "s"));
    static const char *const absent[] = {"x", "a.x", "a.b.c.d", "s.t",  "l.0",
                                         "A", "",    ".",       "a..b", "a."};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        if (od_json_at(value, absent[i]) != NULL) {
            fail_msg("found %s", absent[i]);
        }
    }
    cJSON_Delete(value);
}

static void sets_values_at_dotted_paths(void **state) {
    (void)state;
    cJSON *value = parse("{\"a\":{\"b\":1},\"s\":\"x\"}");
    assert_int_equal(od_json_set(value, "a.b", cJSON_CreateNumber(2)), OD_OK);
    assert_int_equal(od_json_set(value, "a.c", cJSON_CreateString("new")), OD_OK);
    assert_int_equal(od_json_set(value, "s", cJSON_CreateTrue()), OD_OK);
    assert_int_equal(od_json_set(value, "t", cJSON_CreateArray()), OD_OK);
    assert_int_equal(od_json_set(value, "x.y", cJSON_CreateTrue()), OD_E_NOT_FOUND);
    assert_int_equal(od_json_set(value, "s.y", cJSON_CreateTrue()), OD_E_NOT_FOUND);
    assert_int_equal(od_json_set(value, "s", NULL), OD_E_NO_MEMORY);
    char *text = od_json_print(value);
    assert_string_equal(text, "{\"a\":{\"b\":2,\"c\":\"new\"},\"s\":true,\"t\":[]}");
    free(text);
    cJSON_Delete(value);
}

static void numbers_without_a_word_in_json_are_strings(void **state) {
    (void)state;
    static const double values[] = {0, -1.5, 1e300, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cJSON *node = od_json_number(values[i]);
        double back = -7;
        assert_int_equal(cJSON_IsString(node), !isfinite(values[i]));
        assert_int_equal(od_json_to_double(node, &back), 0);
        assert_true(back == values[i] || (isnan(back) && isnan(values[i])));
        cJSON_Delete(node);
    }
    static const char *const others[] = {"\"nan\"", "\"\"", "\"1\"", "true", "null", "[1]", "{}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cJSON *node = parse(others[i]);
        double back;
        assert_int_equal(od_json_to_double(node, &back), -1);
        cJSON_Delete(node);
    }
    double back;
    assert_int_equal(od_json_to_double(NULL, &back), -1);
}

static void printed_numbers_read_back_as_themselves(void **state) {
    (void)state;
    uint64_t bits = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char text[OD_JSON_NUMBER_BYTES];
        cJSON *node = parse(od_json_number_text(text, value));
        assert_memory_equal(&node->valuedouble, &value, sizeof value);
        cJSON_Delete(node);
    }
}

static void equal_values_have_one_canonical_text(void **state) {
    (void)state;
    cJSON *a = parse("{\"b\":[1,{\"y\":-0.0,\"x\":\"\\u00e9\"}],\"a\":1e0,\"B\":null}");
    cJSON *b = parse("{\"B\":null,\"a\":1.0,\"b\":[1.00,{\"x\":\"\xc3\xa9\",\"y\":0}]}");
    char *a_text = od_json_canonical(a);
    char *b_text = od_json_canonical(b);
    assert_string_equal(a_text, "{\"B\":null,\"a\":1,\"b\":[1,{\"x\":\"\xc3\xa9\",\"y\":0}]}");
    assert_string_equal(a_text, b_text);
    assert_true(od_json_equal(a, b));
    free(a_text);
    free(b_text);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void different_values_are_not_equal(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"1", "2"},
        {"1", "\"1\""},
        {"0", "false"},
        {"null", "false"},
        {"[]", "{}"},
        {"[1]", "[1,2]"},
        {"[1,2]", "[1]"},
        {"[1,2]", "[2,1]"},
        {"{\"a\":1}", "{}"},
        {"{}", "{\"a\":1}"},
        {"{\"a\":1}", "{\"b\":1}"},
        {"{\"a\":1}", "{\"a\":2}"},
        {"\"a\"", "\"A\""},
        {"0.1", "0.10000000000000002"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *a = parse(cases[i][0]);
        cJSON *b = parse(cases[i][1]);
        if (od_json_equal(a, b)) {
            fail_msg("%s equals %s", cases[i][0], cases[i][1]);
        }
        cJSON_Delete(a);
        cJSON_Delete(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_kind_of_value),
        cmocka_unit_test(refuses_what_rfc_8259_does_not_allow),
        cmocka_unit_test(refuses_deep_nesting_only),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(many_keys_take_no_quadratic_time),
        cmocka_unit_test(finds_values_at_dotted_paths),
        cmocka_unit_test(sets_values_at_dotted_paths),
        cmocka_unit_test(numbers_without_a_word_in_json_are_strings),
        cmocka_unit_test(printed_numbers_read_back_as_themselves),
        cmocka_unit_test(equal_values_have_one_canonical_text),
        cmocka_unit_test(different_values_are_not_equal),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
