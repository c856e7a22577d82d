# SPDX-License-Identifier: Apache-2.0
# tests/unit/cli/NAME_test.c mirrors cli/NAME.c; tests/system/orthoctl_test.py runs the whole.
if HAVE_CMOCKA
CLI_TEST_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CMOCKA_CFLAGS)
CLI_TEST_LIBS = $(CLI_LIBS) $(CMOCKA_LIBS)
cli_tests =
check_PROGRAMS += $(cli_tests)
TESTS += $(cli_tests)

cli_tests += tests/unit/cli/body_test
tests_unit_cli_body_test_SOURCES = tests/unit/cli/body_test.c
tests_unit_cli_body_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_body_test_LDADD = $(CLI_TEST_LIBS)

cli_tests += tests/unit/cli/options_test
tests_unit_cli_options_test_SOURCES = tests/unit/cli/options_test.c
tests_unit_cli_options_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_options_test_LDADD = $(CLI_TEST_LIBS)

cli_tests += tests/unit/cli/problem_test
tests_unit_cli_problem_test_SOURCES = tests/unit/cli/problem_test.c
tests_unit_cli_problem_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_problem_test_LDADD = $(CLI_TEST_LIBS)

cli_tests += tests/unit/cli/sanitize_test
tests_unit_cli_sanitize_test_SOURCES = tests/unit/cli/sanitize_test.c
tests_unit_cli_sanitize_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_sanitize_test_LDADD = $(CLI_TEST_LIBS)

cli_tests += tests/unit/cli/sse_test
tests_unit_cli_sse_test_SOURCES = tests/unit/cli/sse_test.c
tests_unit_cli_sse_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_sse_test_LDADD = $(CLI_TEST_LIBS)

cli_tests += tests/unit/cli/table_test
tests_unit_cli_table_test_SOURCES = tests/unit/cli/table_test.c
tests_unit_cli_table_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_table_test_LDADD = $(CLI_TEST_LIBS)

cli_tests += tests/unit/cli/value_test
tests_unit_cli_value_test_SOURCES = tests/unit/cli/value_test.c
tests_unit_cli_value_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_value_test_LDADD = $(CLI_TEST_LIBS)
endif
