# SPDX-License-Identifier: Apache-2.0
# tests/unit/base/NAME_test.c mirrors base/NAME.c.
if HAVE_CMOCKA
BASE_TEST_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CMOCKA_CFLAGS)
BASE_TEST_LIBS = libbase.a $(CJSON_LIBS) $(YAML_LIBS) $(CMOCKA_LIBS) -lm
base_tests =
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)

base_tests += tests/unit/base/datasets_test
tests_unit_base_datasets_test_SOURCES = tests/unit/base/datasets_test.c tests/unit/scratch.h
tests_unit_base_datasets_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_datasets_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/file_test
tests_unit_base_file_test_SOURCES = tests/unit/base/file_test.c tests/unit/scratch.h
tests_unit_base_file_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_file_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=renameat2
tests_unit_base_file_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/json_test
tests_unit_base_json_test_SOURCES = tests/unit/base/json_test.c
tests_unit_base_json_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_json_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/mutation_test
tests_unit_base_mutation_test_SOURCES = tests/unit/base/mutation_test.c
tests_unit_base_mutation_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_mutation_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/prune_test
tests_unit_base_prune_test_SOURCES = tests/unit/base/prune_test.c
tests_unit_base_prune_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_prune_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/schemas_test
tests_unit_base_schemas_test_SOURCES = tests/unit/base/schemas_test.c
tests_unit_base_schemas_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_schemas_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/sign_flip_test
tests_unit_base_sign_flip_test_SOURCES = tests/unit/base/sign_flip_test.c
tests_unit_base_sign_flip_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_sign_flip_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/student_test
tests_unit_base_student_test_SOURCES = tests/unit/base/student_test.c
tests_unit_base_student_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_student_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/vary_test
tests_unit_base_vary_test_SOURCES = tests/unit/base/vary_test.c
tests_unit_base_vary_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_vary_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/schema_test
tests_unit_base_schema_test_SOURCES = tests/unit/base/schema_test.c
tests_unit_base_schema_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_schema_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/recipe_test
tests_unit_base_recipe_test_SOURCES = tests/unit/base/recipe_test.c
tests_unit_base_recipe_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_recipe_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/yaml_test
tests_unit_base_yaml_test_SOURCES = tests/unit/base/yaml_test.c
tests_unit_base_yaml_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_yaml_test_LDADD = $(BASE_TEST_LIBS)

base_tests += tests/unit/base/suggest_test
tests_unit_base_suggest_test_SOURCES = tests/unit/base/suggest_test.c
tests_unit_base_suggest_test_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_base_suggest_test_LDADD = $(BASE_TEST_LIBS)
endif
