# SPDX-License-Identifier: Apache-2.0
# The trainer as a library. What links it needs CORE_LIBS, in this order.
noinst_LIBRARIES += libcore.a
libcore_a_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(CJSON_CFLAGS) $(OPENBLAS_CFLAGS) $(ZLIB_CFLAGS)
CORE_LIBS = libcore.a libbase.a $(OPENBLAS_LIBS) $(ONEDNN_LIBS) $(CJSON_LIBS) $(ZLIB_LIBS) \
	$(OPENMP_CFLAGS) -lm
libcore_a_SOURCES =

# randomness
libcore_a_SOURCES += core/rng/philox.c core/rng/philox.h

# data
libcore_a_SOURCES += core/data/dataset.c core/data/dataset.h
libcore_a_SOURCES += core/data/idx.c core/data/idx.h
libcore_a_SOURCES += core/data/loader.c core/data/loader.h

# file formats
libcore_a_SOURCES += core/io/safetensors.c core/io/safetensors.h

# kernels
libcore_a_SOURCES += \
	core/backend/backend.c core/backend/backend.h \
	core/backend/host.c core/backend/host.h \
	core/backend/kernels.h \
	core/backend/ref/attention.c \
	core/backend/ref/connect.c \
	core/backend/ref/layernorm.c \
	core/backend/ref/loss.c \
	core/backend/ref/matmul.c \
	core/backend/ref/parameters.c \
	core/backend/ref/pointwise.c \
	core/backend/ref/ref.c core/backend/ref/ref.h \
	core/backend/ref/tokens.c
