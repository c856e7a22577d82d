// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const od_option shared[] = {{"json", NULL, "", 'j'}, {"server", "URL", "", 's'}, {0}};
static const od_option own[] = {{"set", "KEY=VALUE", "", '\0'}, {"limit", "N", "", 'n'}, {0}};

static od_status read_all(od_options *options, const od_option *table, char **argv, int *next,
                          od_error *error) {
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    *options = (od_options){0};
    *next = 0;
    return od_options_read(options, argc, argv, next, shared, table, error);
}

static void all_forms_are_read(void **state) {
    (void)state;
    static od_options options;
    int next = 0;
    char *argv[] = {"a",      "--set", "x=1", "--set=y=2", "-n5", "-n", "6",
                    "--json", "-",     "--",  "--json",    "-n",  NULL};
    assert_int_equal(read_all(&options, own, argv, &next, NULL), OD_OK);
    assert_int_equal(next, 12);
    assert_int_equal(options.given_count, 5);
    assert_string_equal(options.given[0].value, "x=1");
    assert_string_equal(options.given[1].value, "y=2");
    assert_string_equal(od_options_get(&options, "limit"), "6");
    assert_string_equal(od_options_get(&options, "json"), "");
    assert_null(od_options_get(&options, "server"));
    assert_int_equal(options.operand_count, 4);
    assert_string_equal(options.operands[1], "-");
    assert_string_equal(options.operands[2], "--json");
}

static void reading_stops_before_the_command(void **state) {
    (void)state;
    static od_options options;
    int next = 0;
    char *argv[] = {"--json", "-s", "unix:/x", "list", "--limit", "3", NULL};
    assert_int_equal(read_all(&options, NULL, argv, &next, NULL), OD_OK);
    assert_int_equal(next, 3);
    assert_int_equal(options.operand_count, 0);
    assert_string_equal(od_options_get(&options, "server"), "unix:/x");
}

static void faults_name_the_option(void **state) {
    (void)state;
    static od_options options;
    static const struct {
        char *argv[4];
        const char *text;
    } cases[] = {
        {{"--limt", "3"}, "unknown option --limt; did you mean --limit?"},
        {{"--nothing-near"}, "unknown option --nothing-near; see --help"},
        {{"-x"}, "unknown option -x; see --help"},
        {{"--limit"}, "--limit needs a value: --limit N"},
        {{"--json=yes"}, "--json takes no value, and has \"yes\""},
        {{"--lim", "3"}, "unknown option --lim; did you mean --limit?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        od_error error = {0};
        int next = 0;
        char *argv[4];
        memcpy(argv, cases[i].argv, sizeof argv);
        assert_int_equal(read_all(&options, own, argv, &next, &error), OD_E_INVALID);
        assert_string_equal(error.text, cases[i].text);
    }
}

static void too_many_are_refused(void **state) {
    (void)state;
    static od_options options;
    static char *argv[OD_OPTIONS_OPERANDS_MAX + 2];
    int next = 0;
    for (size_t i = 0; i <= OD_OPTIONS_OPERANDS_MAX; i++) {
        argv[i] = "1";
    }
    assert_int_equal(read_all(&options, own, argv, &next, NULL), OD_E_INVALID);
    argv[OD_OPTIONS_OPERANDS_MAX] = NULL;
    assert_int_equal(read_all(&options, own, argv, &next, NULL), OD_OK);
    for (size_t i = 0; i <= OD_OPTIONS_GIVEN_MAX; i++) {
        argv[i] = "-j";
    }
    assert_int_equal(read_all(&options, own, argv, &next, NULL), OD_E_INVALID);
}

static void numbers_are_whole_and_in_range(void **state) {
    (void)state;
    int64_t out = 0;
    static const char *const wrong[] = {"",  "x",  "1x",  " 1", "+1",
                                        "0", "11", "1.5", "-",  "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(od_options_number("n", wrong[i], 1, 10, &out, NULL), OD_E_INVALID);
    }
    assert_int_equal(od_options_number("n", "10", 1, 10, &out, NULL), OD_OK);
    assert_int_equal(out, 10);
    assert_int_equal(od_options_number("n", "-3", -5, 10, &out, NULL), OD_OK);
    assert_int_equal(out, -3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_are_read),
        cmocka_unit_test(reading_stops_before_the_command),
        cmocka_unit_test(faults_name_the_option),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(numbers_are_whole_and_in_range),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
