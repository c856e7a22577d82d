# SPDX-License-Identifier: Apache-2.0
# The dashboard: static files compiled into orthod as they are, so that one binary serves it.
web_files = \
	web/index.html \
	web/favicon.svg \
	web/style.css \
	web/theme-early.js \
	web/js/api.js \
	web/js/app.js \
	web/js/chart.js \
	web/js/dom.js \
	web/js/format.js \
	web/js/frame.js \
	web/js/login.js \
	web/js/page-compare.js \
	web/js/page-job.js \
	web/js/page-jobs.js \
	web/js/palette.js \
	web/js/parts.js \
	web/js/points.js \
	web/js/route.js \
	web/js/run.js \
	web/js/runs-table.js \
	web/js/series.js \
	web/js/stats.js \
	web/js/store.js \
	web/js/stream.js \
	web/js/summary.js \
	web/js/theme.js \
	web/js/types.js \
	web/vendor/uplot/LICENSE \
	web/vendor/uplot/uPlot.esm.js \
	web/vendor/uplot/uPlot.min.css

# Among the SYSTEM_TESTS of tests/local.mk.
web_tests = \
	tests/web/unit/files.mjs \
	tests/web/unit/format.mjs \
	tests/web/unit/palette.mjs \
	tests/web/unit/parts.mjs \
	tests/web/unit/points.mjs \
	tests/web/unit/route.mjs \
	tests/web/unit/run.mjs \
	tests/web/unit/series.mjs \
	tests/web/unit/stats.mjs \
	tests/web/unit/store.mjs \
	tests/web/unit/summary.mjs \
	tests/web/browser/compare.mjs \
	tests/web/browser/job.mjs \
	tests/web/browser/list.mjs \
	tests/web/browser/login.mjs \
	tests/web/browser/real.mjs \
	tests/web/browser/robust.mjs

noinst_LIBRARIES += libweb.a
libweb_a_SOURCES = web/embedded.h
nodist_libweb_a_SOURCES = web/embedded.c

web/embedded.c: build-aux/embed$(EXEEXT) $(web_files) $(srcdir)/web/local.mk
	$(AM_V_GEN)$(MKDIR_P) web && \
	build-aux/embed$(EXEEXT) od_web_embedded $(srcdir)/web/ $(web_files:%=$(srcdir)/%) > $@.tmp && \
	mv $@.tmp $@

CLEANFILES += web/embedded.c web/embedded.c.tmp
EXTRA_DIST += $(web_files) \
	web/.npmrc \
	web/eslint.config.js \
	web/package.json \
	web/package-lock.json \
	web/tsconfig.json \
	web/vendor/uplot/SHA256SUMS \
	web/vendor/uplot/VERSION \
	web/vendor/uplot/uPlot.esm.d.ts \
	tests/web/server.mjs \
	tests/web/tap.mjs \
	tests/web/browser/stage.mjs
