# SPDX-License-Identifier: Apache-2.0
# The dashboard: static files compiled into orthod as they are, so that one binary serves it.
web_files = \
	web/index.html \
	web/favicon.svg \
	web/style.css \
	web/vendor/uplot/LICENSE \
	web/vendor/uplot/uPlot.esm.js \
	web/vendor/uplot/uPlot.min.css

noinst_LIBRARIES += libweb.a
libweb_a_SOURCES = web/embedded.h
nodist_libweb_a_SOURCES = web/embedded.c

web/embedded.c: build-aux/embed$(EXEEXT) $(web_files) $(srcdir)/web/local.mk
	$(AM_V_GEN)$(MKDIR_P) web && \
	build-aux/embed$(EXEEXT) od_web_embedded $(srcdir)/web/ $(web_files:%=$(srcdir)/%) > $@.tmp && \
	mv $@.tmp $@

CLEANFILES += web/embedded.c web/embedded.c.tmp
EXTRA_DIST += $(web_files) \
	web/vendor/uplot/SHA256SUMS \
	web/vendor/uplot/VERSION \
	web/vendor/uplot/uPlot.esm.d.ts
