# SPDX-License-Identifier: Apache-2.0
# The cuda backend is a plugin of its own, loaded when a run asks for it, so that the programs start
# without the CUDA libraries and work on machines that lack them.
cuda_kernels = \
	core/backend/cuda/attention.cu \
	core/backend/cuda/loss.cu \
	core/backend/cuda/pattern.cu \
	core/backend/cuda/pointwise.cu \
	core/backend/cuda/random.cu \
	core/backend/cuda/reduce.cu \
	core/backend/cuda/rows.cu \
	core/backend/cuda/tokens.cu
cuda_host_parts = core/backend/cuda/device.c core/backend/cuda/matmul.c
cuda_included = core/backend/cuda/cuda.h core/backend/cuda/launch.cuh
EXTRA_DIST += $(cuda_kernels) $(cuda_host_parts) $(cuda_included)

libcore_a_SOURCES += core/backend/load.c
libcore_a_CPPFLAGS = $(AM_CPPFLAGS) -DPKGLIBEXECDIR='"$(pkglibexecdir)"'

if HAVE_CUDA
pkglibexec_SCRIPTS = ortho-cuda.so
CLEANFILES += ortho-cuda.so

ortho-cuda.so: $(cuda_kernels) $(cuda_host_parts) $(cuda_included) \
		core/backend/backend.h core/backend/kernels.h core/backend/pattern.h
	$(AM_V_GEN)$(NVCC) -std=c++17 -O3 -arch=all-major --threads 2 -shared \
		-Xcompiler -fPIC,-D_GNU_SOURCE -I$(top_srcdir) -o $@ \
		$(addprefix $(top_srcdir)/,$(cuda_kernels) $(cuda_host_parts)) \
		$(top_srcdir)/base/error.c $(top_srcdir)/base/status.c \
		-L$(CUDA_DIR)/lib64 -lcublas -Xlinker -rpath,$(CUDA_DIR)/lib64
endif
