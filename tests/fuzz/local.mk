# SPDX-License-Identifier: Apache-2.0
# Fuzzers: tests/fuzz/NAME_fuzz.c is a libFuzzer target for one reader of bytes from outside.
#   CC=clang ../configure --enable-fuzzers
#   make fuzzers      builds them
#   make check-fuzz   runs each for a few seconds from its seeds (FUZZ_SECONDS=3)
#   make fuzz         runs each long (FUZZ_SECONDS=600) and keeps what it learns in tests/fuzz/corpus
EXTRA_DIST += tests/fuzz/fuzz_test.py tests/fuzz/seeds.py
.PHONY: fuzzers check-fuzz fuzz
if FUZZERS
fuzz_cflags = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(CJSON_CFLAGS) $(SQLITE_CFLAGS) $(LIBUV_CFLAGS) $(ZLIB_CFLAGS) $(JPEG_CFLAGS) $(PNG_CFLAGS)
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
# The readers alone: all of the trainer and the daemon would take three times as long to build.
EXTRA_LIBRARIES = tests/fuzz/libreaders.a
tests_fuzz_libreaders_a_CFLAGS = $(fuzz_cflags)
tests_fuzz_libreaders_a_SOURCES = \
	core/data/cache.c \
	core/data/dataset.c \
	core/data/decode.c \
	core/data/decode_jpeg.c \
	core/data/decode_png.c \
	core/data/idx.c \
	core/data/image.c \
	core/data/index.c \
	core/data/index_cache.c \
	core/data/listing.c \
	core/data/sound.c \
	core/data/source_cifar.c \
	core/data/source_idx.c \
	core/data/source_tree.c \
	core/data/tar.c \
	core/data/tree_folders.c \
	core/data/tree_shards.c \
	core/io/float32.c \
	core/io/safetensors.c \
	core/io/safetensors_write.c \
	core/model/hf.c \
	core/model/hf_config.c \
	core/spec.c \
	core/spec_check.c \
	daemon/api/glob.c \
	daemon/config.c \
	daemon/config_defaults.c \
	daemon/config_queue.c \
	daemon/http/guard.c \
	daemon/http/range.c \
	daemon/http/url.c \
	daemon/listen.c \
	daemon/memory.c \
	daemon/queue/ingest.c \
	daemon/queue/states.c \
	daemon/store/blocks.c \
	daemon/store/curve.c \
	daemon/store/events.c \
	daemon/store/jobs.c \
	daemon/store/migrations.c \
	daemon/store/points.c \
	daemon/store/sql.c \
	worker/meter.c \
	worker/rundir.c \
	worker/state.c
fuzz_libs = tests/fuzz/libreaders.a libbase.a $(SQLITE_LIBS) $(SYSTEMD_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(JPEG_LIBS) $(PNG_LIBS) $(ZLIB_LIBS) -lm
fuzz_sources = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
fuzzers =
EXTRA_PROGRAMS += $(fuzzers)

# Not by automake's harness, which would build every other test first.
FUZZ_SECONDS = 3
LONG_FUZZ_SECONDS = $(if $(filter 3,$(FUZZ_SECONDS)),600,$(FUZZ_SECONDS))
run_fuzzers = FUZZERS='$(fuzzers)' OD_SRCDIR='$(abs_top_srcdir)' \
	$(PY_LOG_COMPILER) $(srcdir)/tests/fuzz/fuzz_test.py
fuzzers: $(fuzzers)
check-fuzz: fuzzers
	FUZZ_SECONDS='$(FUZZ_SECONDS)' $(run_fuzzers)
fuzz: fuzzers
	FUZZ_SECONDS='$(LONG_FUZZ_SECONDS)' FUZZ_CORPUS=tests/fuzz/corpus $(run_fuzzers)

fuzzers += tests/fuzz/cifar_fuzz
tests_fuzz_cifar_fuzz_SOURCES = tests/fuzz/cifar_fuzz.c $(fuzz_sources)
tests_fuzz_cifar_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_cifar_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_cifar_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/config_fuzz
tests_fuzz_config_fuzz_SOURCES = tests/fuzz/config_fuzz.c $(fuzz_sources)
tests_fuzz_config_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_config_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_config_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/events_fuzz
tests_fuzz_events_fuzz_SOURCES = tests/fuzz/events_fuzz.c $(fuzz_sources)
tests_fuzz_events_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_events_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_events_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/experiment_fuzz
tests_fuzz_experiment_fuzz_SOURCES = tests/fuzz/experiment_fuzz.c $(fuzz_sources)
tests_fuzz_experiment_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_experiment_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_experiment_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/gzip_fuzz
tests_fuzz_gzip_fuzz_SOURCES = tests/fuzz/gzip_fuzz.c $(fuzz_sources)
tests_fuzz_gzip_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_gzip_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_gzip_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/header_fuzz
tests_fuzz_header_fuzz_SOURCES = tests/fuzz/header_fuzz.c $(fuzz_sources)
tests_fuzz_header_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_header_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_header_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/hf_fuzz
tests_fuzz_hf_fuzz_SOURCES = tests/fuzz/hf_fuzz.c $(fuzz_sources)
tests_fuzz_hf_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_hf_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_hf_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/idx_fuzz
tests_fuzz_idx_fuzz_SOURCES = tests/fuzz/idx_fuzz.c $(fuzz_sources)
tests_fuzz_idx_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_idx_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_idx_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/image_fuzz
tests_fuzz_image_fuzz_SOURCES = tests/fuzz/image_fuzz.c $(fuzz_sources)
tests_fuzz_image_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_image_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_image_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/json_fuzz
tests_fuzz_json_fuzz_SOURCES = tests/fuzz/json_fuzz.c $(fuzz_sources)
tests_fuzz_json_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_json_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_json_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/recipe_fuzz
tests_fuzz_recipe_fuzz_SOURCES = tests/fuzz/recipe_fuzz.c $(fuzz_sources)
tests_fuzz_recipe_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_recipe_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_recipe_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/rundir_fuzz
tests_fuzz_rundir_fuzz_SOURCES = tests/fuzz/rundir_fuzz.c $(fuzz_sources)
tests_fuzz_rundir_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_rundir_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_rundir_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/safetensors_fuzz
tests_fuzz_safetensors_fuzz_SOURCES = tests/fuzz/safetensors_fuzz.c $(fuzz_sources)
tests_fuzz_safetensors_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_safetensors_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_safetensors_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/spec_fuzz
tests_fuzz_spec_fuzz_SOURCES = tests/fuzz/spec_fuzz.c $(fuzz_sources)
tests_fuzz_spec_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_spec_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_spec_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/state_fuzz
tests_fuzz_state_fuzz_SOURCES = tests/fuzz/state_fuzz.c $(fuzz_sources)
tests_fuzz_state_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_state_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_state_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/tar_fuzz
tests_fuzz_tar_fuzz_SOURCES = tests/fuzz/tar_fuzz.c $(fuzz_sources)
tests_fuzz_tar_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_tar_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_tar_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/tree_fuzz
tests_fuzz_tree_fuzz_SOURCES = tests/fuzz/tree_fuzz.c $(fuzz_sources)
tests_fuzz_tree_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_tree_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_tree_fuzz_LDADD = $(fuzz_libs)

fuzzers += tests/fuzz/url_fuzz
tests_fuzz_url_fuzz_SOURCES = tests/fuzz/url_fuzz.c $(fuzz_sources)
tests_fuzz_url_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_url_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_url_fuzz_LDADD = $(fuzz_libs)
endif
