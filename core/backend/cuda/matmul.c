// SPDX-License-Identifier: Apache-2.0
// Matrix products by cuBLAS, in plain float32. cuBLAS counts columns first, so every row-major
// matrix is its own transpose here: y = x w^T becomes y^T = w x^T.
#include "core/backend/cuda/cuda.h"

// c[n,m] (row-major) = a' b' + beta c with cuBLAS's own arguments, in its column-major view.
static void product(od_device *device, cublasOperation_t op_a, cublasOperation_t op_b, int64_t m,
                    int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc) {
    const float one = 1.0f;
    if (device->error.status != OD_OK) {
        return;
    }
    cublasStatus_t status = cublasSgemm(device->blas, op_a, op_b, (int)m, (int)n, (int)k, &one, a,
                                        (int)lda, b, (int)ldb, &beta, c, (int)ldc);
    if (status != CUBLAS_STATUS_SUCCESS) {
        od_error_set(&device->error, OD_E_DEVICE,
                     "cuBLAS: product of %lld x %lld x %lld: status %d", (long long)m, (long long)n,
                     (long long)k, (int)status);
    }
}

void od_cuda_linear_forward(od_device *device, float *y, const float *x, const float *w,
                            const float *b, int64_t rows, int64_t in, int64_t out) {
    product(device, CUBLAS_OP_T, CUBLAS_OP_N, out, rows, in, w, in, x, in, 0.0f, y, out);
    if (b != NULL) {
        od_cuda_bias(device, y, b, rows, out);
    }
}

void od_cuda_linear_gelu_forward(od_device *device, float *y, float *pre, const float *x,
                                 const float *w, const float *b, int64_t rows, int64_t in,
                                 int64_t out) {
    od_cuda_linear_forward(device, pre, x, w, b, rows, in, out);
    od_cuda_gelu_forward(device, y, pre, rows * out);
}

void od_cuda_linear_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                             const float *x, const float *w, int64_t rows, int64_t in, int64_t out,
                             bool accumulate_dx) {
    if (dx != NULL) {
        product(device, CUBLAS_OP_N, CUBLAS_OP_N, in, rows, out, w, in, dy, out,
                accumulate_dx ? 1.0f : 0.0f, dx, in);
    }
    product(device, CUBLAS_OP_N, CUBLAS_OP_T, in, out, rows, x, in, dy, out, 1.0f, dw, in);
    if (db != NULL) {
        od_cuda_column_sums(device, db, dy, rows, out);
    }
}
