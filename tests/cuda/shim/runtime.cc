// SPDX-License-Identifier: Apache-2.0
// Device memory is host memory here, and everything queued runs at once.
#include "cublas_v2.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

static int mallocs_until_failure = -1;
static int device_count = 1;

void simt_fail_malloc_after(int calls) {
    mallocs_until_failure = calls;
}

void simt_set_device_count(int count) {
    device_count = count;
}

const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    default:
        return "invalid argument";
    }
}

cudaError_t cudaGetLastError(void) {
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = device_count;
    return device_count > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    if (device >= device_count) {
        return cudaErrorInvalidValue;
    }
    snprintf(properties->name, sizeof properties->name, "host shim");
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **out, size_t bytes) {
    if (mallocs_until_failure == 0) {
        return cudaErrorMemoryAllocation;
    }
    mallocs_until_failure -= mallocs_until_failure > 0;
    return posix_memalign(out, 256, bytes > 0 ? bytes : 1) == 0 ? cudaSuccess
                                                               : cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void *memory) {
    free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemset(void *to, int value, size_t bytes) {
    memset(to, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
    (void)stream;
    return cudaMemset(to, value, bytes);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
    (void)kind;
    (void)stream;
    memcpy(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *out) {
    *out = nullptr;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    (void)stream;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    (void)stream;
    return cudaSuccess;
}

cublasStatus_t cublasCreate(cublasHandle_t *out) {
    *out = nullptr;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    (void)handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    (void)handle;
    (void)stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    (void)handle;
    (void)mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                           int m, int n, int k, const float *alpha, const float *a, int lda,
                           const float *b, int ldb, const float *beta, float *c, int ldc) {
    (void)handle;
    if (lda < (op_a == CUBLAS_OP_N ? m : k) || ldb < (op_b == CUBLAS_OP_N ? k : n) || ldc < m) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    for (int column = 0; column < n; column++) {
        for (int row = 0; row < m; row++) {
            double sum = 0;
            for (int i = 0; i < k; i++) {
                float left = op_a == CUBLAS_OP_N ? a[row + (size_t)i * lda] : a[i + (size_t)row * lda];
                float right =
                    op_b == CUBLAS_OP_N ? b[i + (size_t)column * ldb] : b[column + (size_t)i * ldb];
                sum += (double)left * right;
            }
            float *out = &c[row + (size_t)column * ldc];
            *out = (float)(*alpha * sum + (*beta != 0 ? *beta * *out : 0));
        }
    }
    return CUBLAS_STATUS_SUCCESS;
}
