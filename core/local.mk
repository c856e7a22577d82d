# SPDX-License-Identifier: Apache-2.0
# The trainer as a library. What links it needs CORE_LIBS, in this order.
noinst_LIBRARIES += libcore.a
libcore_a_CFLAGS = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(CJSON_CFLAGS) $(OPENBLAS_CFLAGS) $(ZLIB_CFLAGS) \
	$(JPEG_CFLAGS) $(PNG_CFLAGS)
CORE_LIBS = libcore.a libbase.a $(OPENBLAS_LIBS) $(ONEDNN_LIBS) $(CJSON_LIBS) $(YAML_LIBS) \
	$(JPEG_LIBS) $(PNG_LIBS) $(ZLIB_LIBS) $(OPENMP_CFLAGS) -lm
libcore_a_SOURCES =
libcore_a_LIBADD =

# randomness
libcore_a_SOURCES += core/rng/philox.c core/rng/philox.h

# data
libcore_a_SOURCES += core/data/cache.c core/data/cache.h
libcore_a_SOURCES += core/data/dataset.c core/data/dataset.h
libcore_a_SOURCES += core/data/draw.c core/data/draw.h
libcore_a_SOURCES += core/data/idx.c core/data/idx.h
libcore_a_SOURCES += core/data/image.c core/data/image.h
libcore_a_SOURCES += core/data/jitter.c core/data/jitter.h
libcore_a_SOURCES += core/data/loader.c core/data/loader.h
libcore_a_SOURCES += core/data/mixup.c core/data/mixup.h
libcore_a_SOURCES += core/data/randaugment.c core/data/randaugment.h
libcore_a_SOURCES += core/data/sound.c core/data/sound.h
libcore_a_SOURCES += \
	core/data/decode.c core/data/decode.h core/data/decode_jpeg.c core/data/decode_png.c \
	core/data/filler.c core/data/filler.h \
	core/data/index.c core/data/index.h core/data/index_cache.c \
	core/data/listing.c core/data/listing.h \
	core/data/order.c core/data/order.h \
	core/data/reader.c core/data/reader.h \
	core/data/source.h core/data/source_cifar.c core/data/source_idx.c core/data/source_tree.c \
	core/data/tar.c core/data/tar.h \
	core/data/tree.h core/data/tree_folders.c core/data/tree_shards.c
libcore_a_SOURCES += core/data/transform.c core/data/transform.h

# the job spec
libcore_a_SOURCES += core/spec.c core/spec.h
libcore_a_SOURCES += core/spec_check.c core/spec_check.h

# file formats
libcore_a_SOURCES += core/io/float32.c core/io/safetensors.c core/io/safetensors.h \
	core/io/safetensors_write.c

# kernels
libcore_a_SOURCES += \
	core/backend/backend.c core/backend/backend.h \
	core/backend/cpu/attention.c \
	core/backend/cpu/batchnorm.c \
	core/backend/cpu/connect.c \
	core/backend/cpu/conv.c core/backend/cpu/conv.h \
	core/backend/cpu/conv_bf16.c \
	core/backend/cpu/conv_sgemm.c \
	core/backend/cpu/cpu.c core/backend/cpu/cpu.h \
	core/backend/cpu/im2col.c core/backend/cpu/im2col.h \
	core/backend/cpu/isa.c \
	core/backend/cpu/matmul.c core/backend/cpu/matmul.h \
	core/backend/cpu/matmul_bf16.c \
	core/backend/cpu/onednn.c \
	core/backend/cpu/onednn_conv.c \
	core/backend/cpu/openblas.c \
	core/backend/cpu/parameters.c \
	core/backend/cpu/pattern.c \
	core/backend/cpu/random.c \
	core/backend/cpu/rows.c \
	core/backend/cpu/tokens.c \
	core/backend/host.c core/backend/host.h \
	core/backend/kernels.h \
	core/backend/pattern.h \
	core/backend/ref/attention.c \
	core/backend/ref/batchnorm.c \
	core/backend/ref/connect.c \
	core/backend/ref/conv.c \
	core/backend/ref/layernorm.c \
	core/backend/ref/loss.c \
	core/backend/ref/matmul.c \
	core/backend/ref/parameters.c \
	core/backend/ref/pattern.c \
	core/backend/ref/pointwise.c \
	core/backend/ref/random.c \
	core/backend/ref/ref.c core/backend/ref/ref.h \
	core/backend/ref/tokens.c

# graph and ops
libcore_a_SOURCES += \
	core/graph/fuse.c core/graph/fuse.h \
	core/graph/graph.c core/graph/graph.h \
	core/graph/plan.c core/graph/plan.h \
	core/graph/run.c core/graph/run.h core/graph/run_private.h \
	core/graph/steps.c core/graph/steps.h \
	core/graph/trace.c core/graph/trace.h \
	core/op/attention.c \
	core/op/avgpool.c \
	core/op/batchnorm.c \
	core/op/connect.c \
	core/op/connect_conv1x1.c \
	core/op/connect_layernorm.c \
	core/op/connect_rows.h \
	core/op/conv2d.c \
	core/op/cross_entropy.c \
	core/op/cross_entropy_soft.c \
	core/op/drop.c \
	core/op/embed_tokens.c \
	core/op/first_token.c \
	core/op/gelu.c \
	core/op/layernorm.c \
	core/op/linear.c core/op/linear.h \
	core/op/linear_gelu.c \
	core/op/noise.c \
	core/op/op.c core/op/op.h \
	core/op/patchify.c

# models
libcore_a_SOURCES += \
	core/model/hf.c core/model/hf.h \
	core/model/hf_config.c \
	core/model/model.c core/model/model.h \
	core/model/resnet.c core/model/resnet.h \
	core/model/weights.c core/model/weights.h \
	core/model/vit.c core/model/vit.h

# training
libcore_a_SOURCES += \
	core/train/optimizer.c core/train/optimizer.h \
	core/train/schedule.c core/train/schedule.h \
	core/train/statistics.c core/train/statistics.h \
	core/train/trainer.c core/train/trainer.h \
	core/train/trainer_plan.c \
	core/train/trainer_private.h \
	core/train/trainer_start.c \
	core/train/trainer_state.c

# the loops of the cpu backend, once for each level of the instruction set; their objects go into
# libcore.a
loops_sources = \
	core/backend/cpu/loops/attention.c \
	core/backend/cpu/loops/batchnorm.c \
	core/backend/cpu/loops/bf16.c \
	core/backend/cpu/loops/connect.c \
	core/backend/cpu/loops/layernorm.c core/backend/cpu/loops/layernorm.h \
	core/backend/cpu/loops/loops.c core/backend/cpu/loops/loops.h \
	core/backend/cpu/loops/loss.c \
	core/backend/cpu/loops/parameters.c \
	core/backend/cpu/loops/pattern.c \
	core/backend/cpu/loops/pointwise.c \
	core/backend/cpu/loops/random.c \
	core/backend/cpu/loops/vector.h
loops_cflags = $(AM_CFLAGS) $(OPENMP_CFLAGS) $(OD_LOOPS_CFLAGS)
noinst_LIBRARIES += libloops_base.a
libloops_base_a_SOURCES = $(loops_sources)
libloops_base_a_CPPFLAGS = $(AM_CPPFLAGS) -DOD_ISA=base
libloops_base_a_CFLAGS = $(loops_cflags)
libcore_a_LIBADD += $(libloops_base_a_OBJECTS)
# automake does not see through the variable to the objects that must be there first
EXTRA_libcore_a_DEPENDENCIES = libloops_base.a

# operations on pixels: vectorised too, but without fused multiplications, which round otherwise
noinst_LIBRARIES += libpixel.a
libpixel_a_SOURCES = \
	core/data/pixel/blend.h \
	core/data/pixel/enhance.c \
	core/data/pixel/geometry.c \
	core/data/pixel/hue.c \
	core/data/pixel/levels.c \
	core/data/pixel/pixel.h \
	core/data/pixel/resize.c
libpixel_a_CFLAGS = $(AM_CFLAGS) $(OD_LOOPS_CFLAGS) -ffp-contract=off
libcore_a_LIBADD += $(libpixel_a_OBJECTS)
EXTRA_libcore_a_DEPENDENCIES += libpixel.a
if HAVE_X86_64_LEVELS
noinst_LIBRARIES += libloops_v3.a libloops_v4.a libloops_v4b.a
libloops_v3_a_SOURCES = $(loops_sources)
libloops_v3_a_CPPFLAGS = $(AM_CPPFLAGS) -DOD_ISA=v3
libloops_v3_a_CFLAGS = $(loops_cflags) -march=x86-64-v3
libloops_v4_a_SOURCES = $(loops_sources)
libloops_v4_a_CPPFLAGS = $(AM_CPPFLAGS) -DOD_ISA=v4
libloops_v4_a_CFLAGS = $(loops_cflags) -march=x86-64-v4
libloops_v4b_a_SOURCES = $(loops_sources)
libloops_v4b_a_CPPFLAGS = $(AM_CPPFLAGS) -DOD_ISA=v4b
libloops_v4b_a_CFLAGS = $(loops_cflags) -march=x86-64-v4 -mavx512bf16
libcore_a_LIBADD += $(libloops_v3_a_OBJECTS) $(libloops_v4_a_OBJECTS) $(libloops_v4b_a_OBJECTS)
EXTRA_libcore_a_DEPENDENCIES += libloops_v3.a libloops_v4.a libloops_v4b.a
endif
