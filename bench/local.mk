# SPDX-License-Identifier: Apache-2.0

# programs that print figures; built and run on demand: make bench/kernels_bench
EXTRA_PROGRAMS = bench/kernels_bench
bench_kernels_bench_SOURCES = bench/kernels_bench.c
bench_kernels_bench_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS)
bench_kernels_bench_LDADD = $(CORE_LIBS)
CLEANFILES += $(EXTRA_PROGRAMS)
