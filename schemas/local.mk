# SPDX-License-Identifier: Apache-2.0
# Schemas: the source of truth for validation, documentation and forms; compiled into libbase.
schema_files = \
	schemas/experiment.schema.json \
	schemas/job.schema.json \
	schemas/openapi.json

nodist_libbase_a_SOURCES += schemas/embedded.c

schemas/embedded.c: build-aux/embed$(EXEEXT) $(schema_files) $(srcdir)/schemas/local.mk
	$(AM_V_GEN)$(MKDIR_P) schemas && \
	build-aux/embed$(EXEEXT) od_schemas_embedded $(srcdir)/schemas/ $(schema_files:%=$(srcdir)/%) > $@.tmp && \
	mv $@.tmp $@

CLEANFILES += schemas/embedded.c schemas/embedded.c.tmp
EXTRA_DIST += $(schema_files)
