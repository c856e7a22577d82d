# SPDX-License-Identifier: Apache-2.0

# programs that print figures; built and run on demand: make bench/kernels_bench
EXTRA_PROGRAMS = bench/augment_bench bench/kernels_bench bench/sse_bench bench/store_bench bench/train_bench
CLEANFILES += $(EXTRA_PROGRAMS)

bench_augment_bench_SOURCES = bench/augment_bench.c
bench_augment_bench_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(CJSON_CFLAGS)
bench_augment_bench_LDADD = $(CORE_LIBS)

bench_kernels_bench_SOURCES = bench/kernels_bench.c
bench_kernels_bench_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS)
bench_kernels_bench_LDADD = $(CORE_LIBS)

bench_sse_bench_SOURCES = bench/sse_bench.c
bench_sse_bench_LDADD = libbase.a

bench_store_bench_SOURCES = bench/store_bench.c
bench_store_bench_CFLAGS = $(AM_CFLAGS) $(LIBUV_CFLAGS) $(SQLITE_CFLAGS) $(CJSON_CFLAGS)
bench_store_bench_LDADD = libdaemon.a libbase.a $(SQLITE_LIBS) $(LIBUV_LIBS) $(SYSTEMD_LIBS) $(CJSON_LIBS) $(YAML_LIBS) -lm

bench_train_bench_SOURCES = bench/train_bench.c
bench_train_bench_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(CJSON_CFLAGS)
bench_train_bench_LDADD = $(CORE_LIBS)
EXTRA_DIST += bench/load.sh bench/submit.lua bench/compare.py bench/pytorch_step.py bench/torchvision_augment.py
