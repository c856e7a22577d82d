# SPDX-License-Identifier: Apache-2.0
# What daemon and worker both need; knows nothing of either.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/buffer.c base/buffer.h \
	base/clock.c base/clock.h \
	base/datasets.c base/datasets.h \
	base/embedded.c base/embedded.h \
	base/error.c base/error.h \
	base/file.c base/file.h \
	base/json.c base/json_print.c base/json.h \
	base/log.c base/log.h \
	base/status.c base/status.h
libbase_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
