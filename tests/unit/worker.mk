# SPDX-License-Identifier: Apache-2.0
# tests/unit/worker/NAME_test.c mirrors worker/NAME.c; tests/system/worker_test.py runs the whole.
if HAVE_CMOCKA
WORKER_TEST_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CMOCKA_CFLAGS)
WORKER_TEST_LIBS = libworker.a $(CORE_LIBS) $(CMOCKA_LIBS)
worker_tests =
check_PROGRAMS += $(worker_tests)
TESTS += $(worker_tests)

worker_tests += tests/unit/worker/meter_test
tests_unit_worker_meter_test_SOURCES = tests/unit/worker/meter_test.c
tests_unit_worker_meter_test_CFLAGS = $(WORKER_TEST_CFLAGS)
tests_unit_worker_meter_test_LDADD = $(WORKER_TEST_LIBS)

worker_tests += tests/unit/worker/roots_test
tests_unit_worker_roots_test_SOURCES = tests/unit/worker/roots_test.c tests/unit/scratch.h
tests_unit_worker_roots_test_CFLAGS = $(WORKER_TEST_CFLAGS)
tests_unit_worker_roots_test_LDADD = $(WORKER_TEST_LIBS)

worker_tests += tests/unit/worker/rundir_test
tests_unit_worker_rundir_test_SOURCES = tests/unit/worker/rundir_test.c tests/unit/scratch.h
tests_unit_worker_rundir_test_CFLAGS = $(WORKER_TEST_CFLAGS)
tests_unit_worker_rundir_test_LDADD = $(WORKER_TEST_LIBS)

worker_tests += tests/unit/worker/state_test
tests_unit_worker_state_test_SOURCES = tests/unit/worker/state_test.c tests/unit/scratch.h
tests_unit_worker_state_test_CFLAGS = $(WORKER_TEST_CFLAGS)
tests_unit_worker_state_test_LDADD = $(WORKER_TEST_LIBS)
endif
