# SPDX-License-Identifier: Apache-2.0
# The cuda backend without a GPU: its own sources, compiled for the host against tests/cuda/shim,
# held against the numbers that PyTorch computed.
EXTRA_DIST += \
	tests/cuda/shim/cublas_v2.h \
	tests/cuda/shim/cuda_runtime.h

if HAVE_SIMT
check_LIBRARIES += tests/cuda/libsimt.a
tests_cuda_libsimt_a_SOURCES = \
	core/backend/cuda/device.c \
	core/backend/cuda/matmul.c \
	tests/cuda/shim/kernels.cc \
	tests/cuda/shim/runtime.cc \
	tests/cuda/shim/simt.cc
tests_cuda_libsimt_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/cuda/shim
tests_cuda_libsimt_a_CFLAGS = $(AM_CFLAGS)
tests_cuda_libsimt_a_CXXFLAGS = $(OD_CXXFLAGS)

CUDA_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/cuda/shim -DFIXTURE_CUDA
CUDA_TEST_LIBS = tests/cuda/libsimt.a $(CORE_TEST_LIBS) -lstdc++

cuda_tests = tests/cuda/ops_test tests/cuda/device_test tests/cuda/parity_test
check_PROGRAMS += $(cuda_tests)
TESTS += $(cuda_tests)

tests_cuda_ops_test_SOURCES = $(tests_parity_ops_test_SOURCES)
tests_cuda_ops_test_CPPFLAGS = $(CUDA_TEST_CPPFLAGS)
tests_cuda_ops_test_CFLAGS = $(PARITY_CFLAGS)
tests_cuda_ops_test_LDADD = $(CUDA_TEST_LIBS)

tests_cuda_parity_test_SOURCES = $(tests_parity_parity_test_SOURCES)
tests_cuda_parity_test_CPPFLAGS = $(CUDA_TEST_CPPFLAGS)
tests_cuda_parity_test_CFLAGS = $(PARITY_CFLAGS)
tests_cuda_parity_test_LDADD = $(CUDA_TEST_LIBS)

tests_cuda_device_test_SOURCES = tests/cuda/device_test.c
tests_cuda_device_test_CPPFLAGS = $(CUDA_TEST_CPPFLAGS)
tests_cuda_device_test_CFLAGS = $(CORE_TEST_CFLAGS)
tests_cuda_device_test_LDADD = $(CUDA_TEST_LIBS)
endif
