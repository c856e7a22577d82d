# SPDX-License-Identifier: Apache-2.0
# The HTTP side of orthod: requests and routes (http/), event streams (sse/), resources (api/).
noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
	daemon/api/api.c daemon/api/api.h \
	daemon/api/cache.c daemon/api/cache.h \
	daemon/api/checkpoints.c \
	daemon/api/compare.c \
	daemon/api/datasets.c \
	daemon/api/devices.c \
	daemon/api/events.c \
	daemon/api/examine.c daemon/api/examine.h \
	daemon/api/experiment_json.c daemon/api/experiment_json.h \
	daemon/api/experiments.c \
	daemon/api/files.c daemon/api/files.h \
	daemon/api/glob.c daemon/api/glob.h \
	daemon/api/handlers.h \
	daemon/api/health.c \
	daemon/api/job_json.c daemon/api/job_json.h \
	daemon/api/jobs.c \
	daemon/api/key.c daemon/api/key.h \
	daemon/api/log.c \
	daemon/api/login.c \
	daemon/api/merge.c daemon/api/merge.h \
	daemon/api/metrics.c \
	daemon/api/patch.c \
	daemon/api/prometheus.c \
	daemon/api/recipe_body.c daemon/api/recipe_body.h \
	daemon/api/recipes.c \
	daemon/api/reply.c daemon/api/reply.h \
	daemon/api/routes.c daemon/api/routes.h \
	daemon/api/schemas.c \
	daemon/api/static.c \
	daemon/api/submit.c \
	daemon/api/summary.c \
	daemon/api/summary_json.c daemon/api/summary_json.h \
	daemon/api/tokens.c \
	daemon/api/waiting_json.c daemon/api/waiting_json.h \
	daemon/http/auth.c daemon/http/auth.h \
	daemon/http/guard.c daemon/http/guard.h \
	daemon/http/http.h \
	daemon/http/mhd.c daemon/http/mhd.h \
	daemon/http/private.h \
	daemon/http/problem.c daemon/http/problem.h \
	daemon/http/range.c daemon/http/range.h \
	daemon/http/request.c \
	daemon/http/response.c \
	daemon/http/router.c daemon/http/router.h \
	daemon/http/server.c daemon/http/server.h \
	daemon/http/throttle.c daemon/http/throttle.h \
	daemon/http/tls.c daemon/http/tls.h \
	daemon/http/tokens.c daemon/http/tokens.h \
	daemon/http/url.c daemon/http/url.h \
	daemon/sse/hub.c daemon/sse/hub.h \
	daemon/sse/ring.c daemon/sse/ring.h
libhttp_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(LIBUV_CFLAGS) $(SQLITE_CFLAGS) $(MICROHTTPD_CFLAGS)

# The program: everything above libdaemon.a, and main().
bin_PROGRAMS += orthod
orthod_SOURCES = daemon/command.c daemon/command.h daemon/main.c
orthod_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(LIBUV_CFLAGS) $(SQLITE_CFLAGS)
orthod_LDADD = libhttp.a libdaemon.a libweb.a libbase.a \
	$(MICROHTTPD_LIBS) $(NETTLE_LIBS) $(SQLITE_LIBS) $(LIBUV_LIBS) $(SYSTEMD_LIBS) $(CJSON_LIBS) $(YAML_LIBS) -lm
