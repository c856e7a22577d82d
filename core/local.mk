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

# the job spec
libcore_a_SOURCES += core/spec.c core/spec.h
libcore_a_SOURCES += core/spec_check.c core/spec_check.h

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

# graph and ops
libcore_a_SOURCES += \
	core/graph/fuse.c core/graph/fuse.h \
	core/graph/graph.c core/graph/graph.h \
	core/graph/plan.c core/graph/plan.h \
	core/graph/run.c core/graph/run.h \
	core/op/attention.c \
	core/op/connect.c \
	core/op/connect_layernorm.c \
	core/op/cross_entropy.c \
	core/op/embed_tokens.c \
	core/op/first_token.c \
	core/op/gelu.c \
	core/op/layernorm.c \
	core/op/linear.c core/op/linear.h \
	core/op/linear_gelu.c \
	core/op/op.c core/op/op.h \
	core/op/patchify.c

# models
libcore_a_SOURCES += \
	core/model/model.c core/model/model.h \
	core/model/vit.c core/model/vit.h

# training
libcore_a_SOURCES += \
	core/train/optimizer.c core/train/optimizer.h \
	core/train/schedule.c core/train/schedule.h \
	core/train/trainer.c core/train/trainer.h \
	core/train/trainer_plan.c \
	core/train/trainer_private.h \
	core/train/trainer_state.c
