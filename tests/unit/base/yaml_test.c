// SPDX-License-Identifier: Apache-2.0
// base/yaml.c: what is read, and that everything hostile or ambiguous is refused where it stands.
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void entries_keep_their_order_kind_and_line(void **state) {
    (void)state;
    static const char text[] = "# a comment\n"
                               "plain: 1.0e-3   # behind\n"
                               "empty:\n"
                               "single: 'it''s'\n"
                               "double: \"a\\tb\"\n"
                               "? long form\n"
                               ": |\n"
                               "  block\n"
                               "list: [1, {a: [2]}]\n"
                               "mapping:\n"
                               "  inner: 1\n"
                               "last: None";
    static const struct {
        const char *key, *value;
        od_yaml_kind kind;
        size_t line;
    } expected[] = {
        {"plain", "1.0e-3", OD_YAML_PLAIN, 2},       {"empty", "", OD_YAML_PLAIN, 3},
        {"single", "it's", OD_YAML_QUOTED, 4},       {"double", "a\tb", OD_YAML_QUOTED, 5},
        {"long form", "block\n", OD_YAML_QUOTED, 6}, {"list", NULL, OD_YAML_NESTED, 9},
        {"mapping", NULL, OD_YAML_NESTED, 10},       {"last", "None", OD_YAML_PLAIN, 12},
    };
    od_yaml yaml;
    assert_int_equal(od_yaml_parse(text, strlen(text), &yaml, NULL), OD_OK);
    assert_int_equal(yaml.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < yaml.count; i++) {
        assert_string_equal(yaml.items[i].key, expected[i].key);
        assert_int_equal(yaml.items[i].kind, expected[i].kind);
        assert_int_equal(yaml.items[i].line, expected[i].line);
        if (expected[i].value == NULL) {
            assert_null(yaml.items[i].value);
        } else {
            assert_string_equal(yaml.items[i].value, expected[i].value);
        }
    }
    od_yaml_fini(&yaml);
}

static void an_empty_mapping_has_no_entries(void **state) {
    (void)state;
    od_yaml yaml;
    assert_int_equal(od_yaml_parse("{}", 2, &yaml, NULL), OD_OK);
    assert_int_equal(yaml.count, 0);
    od_yaml_fini(&yaml);
}

// The text needs no NUL behind it.
static void text_ends_where_its_size_says(void **state) {
    (void)state;
    char *text = malloc(4);
    assert_non_null(text);
    memcpy(text, "a: 1", 4);
    od_yaml yaml;
    assert_int_equal(od_yaml_parse(text, 4, &yaml, NULL), OD_OK);
    assert_string_equal(yaml.items[0].value, "1");
    od_yaml_fini(&yaml);
    free(text);
}

static void what_is_no_mapping_of_scalars_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "line 1: the text is no mapping (lines of \"key: value\")"},
        {"# only this\n", "line 2: the text is no mapping (lines of \"key: value\")"},
        {"text", "line 1: the text is no mapping (lines of \"key: value\")"},
        {"[a, b]", "line 1: the text is no mapping (lines of \"key: value\")"},
        {"a: 1\n--- \nb: 2\n", "line 2: a second document"},
        {"a: 1\nb: 2\na: 3\n", "line 3: the key \"a\" stands in line 1 already"},
        {"[a]: 1", "line 1: a list or a mapping stands where a key should be"},
        {"? {a: b}\n: 1", "line 1: a list or a mapping stands where a key should be"},
        {"a: &x 1\n", "line 1: an anchor (&); write the value out"},
        {"a: 1\nb: *x\n", "line 2: an alias (*); write the value out"},
        {"a: &x [1]\n", "line 1: an anchor (&); write the value out"},
        {"a: !!python/object:os.system x", "line 1: a tag (!); write the plain value"},
        {"a: !!map {b: 1}", "line 1: a tag (!); write the plain value"},
        {"a: [!!int 1]", "line 1: a tag (!); write the plain value"},
        {"a: \"x\\0y\"", "line 1: a NUL in a text"},
        {"\"x\\0y\": a", "line 1: a NUL in a text"},
        {"a: \"x", NULL},
        {"a: [1\n", NULL},
        {"a: b: c", NULL},
        {"\tb: 1", NULL},
        {"a: @x", NULL},
        {"a: \xff", NULL},
        {"a: 1\n b: 2\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        od_error error = {0};
        od_yaml yaml;
        if (od_yaml_parse(cases[i].text, strlen(cases[i].text), &yaml, &error) != OD_E_SYNTAX) {
            fail_msg("%s: was read", cases[i].text);
        }
        if (cases[i].error != NULL) {
            assert_string_equal(error.text, cases[i].error);
        }
        assert_true(error.text[0] != '\0');
        assert_null(yaml.items);
    }
}

// Nine levels of nine aliases each would be 400 million scalars.
static void a_billion_laughs_are_refused(void **state) {
    (void)state;
    char text[2048] = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
    size_t size = strlen(text);
    for (int i = 1; i < 9; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
                                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    od_yaml yaml;
    od_error error = {0};
    assert_int_equal(od_yaml_parse(text, size, &yaml, &error), OD_E_SYNTAX);
    assert_string_equal(error.text, "line 1: an anchor (&); write the value out");
}

static od_status parse_repeated(const char *head, const char *piece, size_t times,
                                od_error *error) {
    size_t size = strlen(head) + times * strlen(piece);
    char *text = malloc(size + 1);
    assert_non_null(text);
    char *end = stpcpy(text, head);
    for (size_t i = 0; i < times; i++) {
        end = stpcpy(end, piece);
    }
    od_yaml yaml;
    od_status status = od_yaml_parse(text, size, &yaml, error);
    od_yaml_fini(&yaml);
    free(text);
    return status;
}

static void depth_size_and_number_of_keys_have_limits(void **state) {
    (void)state;
    od_error error = {0};
    assert_int_equal(parse_repeated("a: ", "[", 60000, &error), OD_E_SYNTAX);
    assert_string_equal(error.text, "line 1: nested more than 16 deep");
    assert_int_equal(parse_repeated("", "{", 60000, &error), OD_E_SYNTAX);
    od_yaml nested;
    static const char deepest[] = "a: [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"; // 16
    assert_int_equal(od_yaml_parse(deepest, strlen(deepest), &nested, NULL), OD_OK);
    od_yaml_fini(&nested);
    static const char deeper[] = "a: [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]";
    assert_int_equal(od_yaml_parse(deeper, strlen(deeper), &nested, NULL), OD_E_SYNTAX);
    assert_int_equal(parse_repeated("a: ", "- ", 30000, &error), OD_E_SYNTAX);
    assert_int_equal(parse_repeated("a: ", "x", OD_YAML_MAX_BYTES - 3, &error), OD_OK);
    assert_int_equal(parse_repeated("a: ", "x", OD_YAML_MAX_BYTES - 2, &error), OD_E_TOO_LARGE);
    assert_string_equal(error.text, "the text has 65537 bytes; the maximum is 65536");
    char text[OD_YAML_MAX_KEYS * 8 + 16];
    char *end = text;
    for (int i = 0; i < OD_YAML_MAX_KEYS; i++) {
        end += sprintf(end, "k%d: 1\n", i);
    }
    od_yaml yaml;
    assert_int_equal(od_yaml_parse(text, (size_t)(end - text), &yaml, NULL), OD_OK);
    assert_int_equal(yaml.count, OD_YAML_MAX_KEYS);
    od_yaml_fini(&yaml);
    end += sprintf(end, "one: 1\n");
    assert_int_equal(od_yaml_parse(text, (size_t)(end - text), &yaml, &error), OD_E_SYNTAX);
    assert_string_equal(error.text, "line 501: more than 500 keys");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_keep_their_order_kind_and_line),
        cmocka_unit_test(an_empty_mapping_has_no_entries),
        cmocka_unit_test(text_ends_where_its_size_says),
        cmocka_unit_test(what_is_no_mapping_of_scalars_is_refused),
        cmocka_unit_test(a_billion_laughs_are_refused),
        cmocka_unit_test(depth_size_and_number_of_keys_have_limits),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
