# SPDX-License-Identifier: Apache-2.0
# ortho-worker: one run, or a plan of it. All but main() is a library, so that tests can link it.
noinst_LIBRARIES += libworker.a
libworker_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(ZLIB_CFLAGS)
libworker_a_SOURCES = \
	worker/best.c worker/best.h \
	worker/checkpoint.c worker/checkpoint.h \
	worker/checkpoint_load.c \
	worker/checkpoint_private.h \
	worker/command.c worker/command.h \
	worker/eval.c \
	worker/events.c worker/events.h \
	worker/export.c \
	worker/features.c \
	worker/job.c worker/job.h \
	worker/meter.c worker/meter.h \
	worker/plan.c \
	worker/run.c \
	worker/roots.c worker/roots.h \
	worker/rundir.c worker/rundir.h \
	worker/state.c worker/state.h \
	worker/signals.c worker/signals.h \
	worker/subject.c worker/subject.h \
	worker/training.c worker/training.h

bin_PROGRAMS += ortho-worker
ortho_worker_SOURCES = worker/main.c
ortho_worker_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
ortho_worker_LDADD = libworker.a $(CORE_LIBS)
