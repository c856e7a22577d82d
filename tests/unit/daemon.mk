# SPDX-License-Identifier: Apache-2.0
# tests/unit/daemon/NAME_test.c mirrors daemon/**/NAME.c.
if HAVE_CMOCKA
DAEMON_TEST_CPPFLAGS = $(AM_CPPFLAGS) -DOD_TEST_FIXTURES='"$(abs_top_srcdir)/tests/unit/daemon/fixtures"'
DAEMON_TEST_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(LIBUV_CFLAGS) $(SQLITE_CFLAGS) $(CMOCKA_CFLAGS)
DAEMON_TEST_LIBS = libdaemon.a libbase.a $(SQLITE_LIBS) $(LIBUV_LIBS) $(SYSTEMD_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(CMOCKA_LIBS) -lm
daemon_tests =
check_PROGRAMS += $(daemon_tests) tests/unit/daemon/fake_worker
TESTS += $(daemon_tests)
EXTRA_DIST += tests/unit/daemon/fixtures/orthod-v1.sql tests/unit/daemon/fixtures/orthod-v2.sql \
	tests/unit/daemon/fixtures/orthod-v3.sql \
	tests/unit/daemon/fixtures/orthod-v4.sql

# what queue and planner start instead of ortho-worker
tests_unit_daemon_fake_worker_SOURCES = tests/unit/daemon/fake_worker.c
tests_unit_daemon_fake_worker_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_fake_worker_LDADD = libbase.a $(CJSON_LIBS) $(YAML_LIBS) -lm

world_sources = tests/unit/daemon/world.c tests/unit/daemon/world.h tests/unit/scratch.h

daemon_tests += tests/unit/daemon/backup_test
tests_unit_daemon_backup_test_SOURCES = tests/unit/daemon/backup_test.c $(world_sources)
tests_unit_daemon_backup_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_backup_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_backup_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/config_test
tests_unit_daemon_config_test_SOURCES = tests/unit/daemon/config_test.c $(world_sources)
tests_unit_daemon_config_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_config_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_config_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/curve_test
tests_unit_daemon_curve_test_SOURCES = tests/unit/daemon/curve_test.c $(world_sources)
tests_unit_daemon_curve_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_curve_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_curve_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/end_test
tests_unit_daemon_end_test_SOURCES = tests/unit/daemon/end_test.c
tests_unit_daemon_end_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_end_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_end_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/environment_test
tests_unit_daemon_environment_test_SOURCES = tests/unit/daemon/environment_test.c
tests_unit_daemon_environment_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_environment_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_environment_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/events_test
tests_unit_daemon_events_test_SOURCES = tests/unit/daemon/events_test.c $(world_sources)
tests_unit_daemon_events_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_events_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_events_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/explain_test
tests_unit_daemon_explain_test_SOURCES = tests/unit/daemon/explain_test.c $(world_sources)
tests_unit_daemon_explain_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_explain_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_explain_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/filesystem_test
tests_unit_daemon_filesystem_test_SOURCES = tests/unit/daemon/filesystem_test.c tests/unit/scratch.h
tests_unit_daemon_filesystem_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_filesystem_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_filesystem_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=statfs
tests_unit_daemon_filesystem_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/ingest_test
tests_unit_daemon_ingest_test_SOURCES = tests/unit/daemon/ingest_test.c $(world_sources)
tests_unit_daemon_ingest_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_ingest_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_ingest_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/listen_test
tests_unit_daemon_listen_test_SOURCES = tests/unit/daemon/listen_test.c tests/unit/scratch.h
tests_unit_daemon_listen_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_listen_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_listen_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/memory_test
tests_unit_daemon_memory_test_SOURCES = tests/unit/daemon/memory_test.c tests/unit/daemon/fake_root.h tests/unit/scratch.h
tests_unit_daemon_memory_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_memory_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_memory_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/oom_test
tests_unit_daemon_oom_test_SOURCES = tests/unit/daemon/oom_test.c tests/unit/daemon/fake_root.h tests/unit/scratch.h
tests_unit_daemon_oom_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_oom_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_oom_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/placement_test
tests_unit_daemon_placement_test_SOURCES = tests/unit/daemon/placement_test.c
tests_unit_daemon_placement_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_placement_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_placement_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/planner_test
tests_unit_daemon_planner_test_SOURCES = tests/unit/daemon/planner_test.c $(world_sources)
tests_unit_daemon_planner_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_planner_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_planner_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/points_test
tests_unit_daemon_points_test_SOURCES = tests/unit/daemon/points_test.c $(world_sources)
tests_unit_daemon_points_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_points_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_points_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/queue_test
tests_unit_daemon_queue_test_SOURCES = tests/unit/daemon/queue_test.c $(world_sources)
tests_unit_daemon_queue_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_queue_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_queue_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/rundir_test
tests_unit_daemon_rundir_test_SOURCES = tests/unit/daemon/rundir_test.c $(world_sources)
tests_unit_daemon_rundir_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_rundir_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_rundir_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/schedule_test
tests_unit_daemon_schedule_test_SOURCES = tests/unit/daemon/schedule_test.c
tests_unit_daemon_schedule_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_schedule_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_schedule_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/scheduling_test
tests_unit_daemon_scheduling_test_SOURCES = tests/unit/daemon/scheduling_test.c $(world_sources)
tests_unit_daemon_scheduling_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_scheduling_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_scheduling_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/worker_test
tests_unit_daemon_worker_test_SOURCES = tests/unit/daemon/worker_test.c $(world_sources)
tests_unit_daemon_worker_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_worker_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_worker_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/states_test
tests_unit_daemon_states_test_SOURCES = tests/unit/daemon/states_test.c $(world_sources)
tests_unit_daemon_states_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_states_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_states_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/store_test
tests_unit_daemon_store_test_SOURCES = tests/unit/daemon/store_test.c $(world_sources)
tests_unit_daemon_store_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_store_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_store_test_LDADD = $(DAEMON_TEST_LIBS)

daemon_tests += tests/unit/daemon/tail_test
tests_unit_daemon_tail_test_SOURCES = tests/unit/daemon/tail_test.c $(world_sources)
tests_unit_daemon_tail_test_CPPFLAGS = $(DAEMON_TEST_CPPFLAGS)
tests_unit_daemon_tail_test_CFLAGS = $(DAEMON_TEST_CFLAGS)
tests_unit_daemon_tail_test_LDADD = $(DAEMON_TEST_LIBS)
endif
