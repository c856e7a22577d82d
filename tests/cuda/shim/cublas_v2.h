// SPDX-License-Identifier: Apache-2.0
// A stand-in for the part of cuBLAS that the cuda backend uses: loops with sums in float64.
#ifndef OD_TESTS_CUDA_SHIM_CUBLAS_V2_H
#define OD_TESTS_CUDA_SHIM_CUBLAS_V2_H

#include "cuda_runtime.h"

#define CUBLAS_VERSION 0

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7 } cublasStatus_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 } cublasOperation_t;
typedef enum { CUBLAS_PEDANTIC_MATH = 2 } cublasMath_t;
typedef struct simt_blas *cublasHandle_t;

cublasStatus_t cublasCreate(cublasHandle_t *out);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);

// Column-major c [m,n] = alpha op(a) op(b) + beta c, op(a) [m,k], op(b) [k,n].
cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                           int m, int n, int k, const float *alpha, const float *a, int lda,
                           const float *b, int ldb, const float *beta, float *c, int ldc);

#ifdef __cplusplus
}
#endif
#endif
