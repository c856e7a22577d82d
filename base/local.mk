# SPDX-License-Identifier: Apache-2.0
# What daemon and worker both need; knows nothing of either.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/buffer.c base/buffer.h \
	base/clock.c base/clock.h \
	base/datasets.c base/datasets.h \
	base/embedded.c base/embedded.h \
	base/error.c base/error.h \
	base/faults.c \
	base/file.c base/file.h \
	base/json.c base/json_print.c base/json.h \
	base/log.c base/log.h \
	base/philox.h \
	base/pointer.c base/pointer.h \
	base/prune.c base/prune.h \
	base/recipe.c base/recipe.h \
	base/recipe_options.c base/recipe_private.h \
	base/recipe_rules.c \
	base/recipe_value.c \
	base/schema.c base/schema.h \
	base/schema_check.c base/schema_check.h \
	base/schemas.c base/schemas.h \
	base/sign_flip.c base/sign_flip.h \
	base/status.c base/status.h \
	base/student.c base/student.h \
	base/suggest.c base/suggest.h \
	base/utf8.c base/utf8.h \
	base/vary.c base/vary.h \
	base/yaml.c base/yaml.h
# Files that other folders make and embed add themselves here.
nodist_libbase_a_SOURCES =
libbase_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(YAML_CFLAGS)
