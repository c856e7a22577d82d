# SPDX-License-Identifier: Apache-2.0
# orthod: libdaemon.a is all of it but the HTTP side (daemon/http/local.mk) and main().
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = \
	daemon/config.c daemon/config.h daemon/config_private.h \
	daemon/config_defaults.c \
	daemon/config_queue.c daemon/config_queue.h \
	daemon/daemon.h \
	daemon/exec/environment.c daemon/exec/environment.h \
	daemon/exec/oom.c daemon/exec/oom.h \
	daemon/exec/planner.c daemon/exec/planner.h \
	daemon/exec/rundir.c daemon/exec/rundir.h \
	daemon/exec/tail.c daemon/exec/tail.h \
	daemon/exec/worker.c daemon/exec/worker.h \
	daemon/filesystem.c daemon/filesystem.h \
	daemon/listen.c daemon/listen.h \
	daemon/memory.c daemon/memory.h \
	daemon/notify.c daemon/notify.h \
	daemon/queue/ask.c \
	daemon/queue/drain.c \
	daemon/queue/end.c daemon/queue/end.h \
	daemon/queue/explain.c \
	daemon/queue/ingest.c daemon/queue/ingest.h \
	daemon/queue/internal.h \
	daemon/queue/placement.c daemon/queue/placement.h \
	daemon/queue/queue.c daemon/queue/queue.h \
	daemon/queue/roster.c \
	daemon/queue/run.c \
	daemon/queue/schedule.c daemon/queue/schedule.h \
	daemon/queue/scheduling.c \
	daemon/queue/states.c daemon/queue/states.h \
	daemon/queue/submit.c \
	daemon/store/backup.c daemon/store/backup.h \
	daemon/store/blocks.c daemon/store/blocks.h \
	daemon/store/curve.c daemon/store/curve.h \
	daemon/store/events.c daemon/store/events.h \
	daemon/store/experiments.c daemon/store/experiments.h \
	daemon/store/idempotency.c daemon/store/idempotency.h \
	daemon/store/jobs.c daemon/store/jobs.h \
	daemon/store/migrations.c daemon/store/migrations.h \
	daemon/store/points.c daemon/store/points.h \
	daemon/store/sql.c daemon/store/sql.h \
	daemon/store/store.c daemon/store/store.h
libdaemon_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(LIBUV_CFLAGS) $(SQLITE_CFLAGS) $(SYSTEMD_CFLAGS)

include daemon/http/local.mk
