// SPDX-License-Identifier: Apache-2.0
// Inside of the cuda backend: the device, and what its kernels share.
//
// Host code is C (device.c, matmul.c, table.c); only the kernels are CUDA C++ (*.cu). Everything
// runs on one stream. Row kernels give a warp to each row; reductions over rows go in two stages
// with a fixed number of partial sums, so that the same shapes give the same bits.
#ifndef OD_CORE_BACKEND_CUDA_CUDA_H
#define OD_CORE_BACKEND_CUDA_CUDA_H

#include <cublas_v2.h>
#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "core/backend/kernels.h"

struct od_device {
    cudaStream_t stream;
    cublasHandle_t blas;
    void *scratch; // partial sums; grows at the first use of a shape and never shrinks
    size_t scratch_bytes;
    od_error error; // the first failure since the last sync; kernels do nothing while it is set
    char description[256];
};

extern const od_backend od_backend_cuda;

// Remembers a failure unless there is one already. Returns false when the device has failed.
bool od_cuda_check(od_device *device, cudaError_t result, const char *what);

// At least bytes of scratch, or NULL after a failure. Valid until the next call.
void *od_cuda_scratch(od_device *device, size_t bytes);

// y[rows, n] += b[n] in each row.
void od_cuda_bias(od_device *device, float *y, const float *b, int64_t rows, int64_t n);
// sums[n] += column sums of x [rows, n].
void od_cuda_column_sums(od_device *device, float *sums, const float *x, int64_t rows, int64_t n);

#define X(name) OD_KERNEL_DECLARE(cuda, name)
OD_COMMON_KERNEL_MAP(X)
#undef X

#ifdef __cplusplus
}
#endif

#endif
