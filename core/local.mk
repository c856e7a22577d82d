# SPDX-License-Identifier: Apache-2.0
# The trainer as a library. What links it needs CORE_LIBS, in this order.
noinst_LIBRARIES += libcore.a
libcore_a_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(CJSON_CFLAGS) $(OPENBLAS_CFLAGS) $(ZLIB_CFLAGS)
CORE_LIBS = libcore.a libbase.a $(OPENBLAS_LIBS) $(ONEDNN_LIBS) $(CJSON_LIBS) $(ZLIB_LIBS) \
	$(OPENMP_CFLAGS) -lm
libcore_a_SOURCES =

# randomness
libcore_a_SOURCES += core/rng/philox.c core/rng/philox.h
