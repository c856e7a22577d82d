// SPDX-License-Identifier: Apache-2.0
// Matrix products by OpenBLAS, with its own threads switched off.
#include "core/backend/cpu/conv.h"

#include <cblas.h>
#include <stdio.h>

static void openblas_init(char *out, size_t out_bytes) {
    char version[24] = "";
    // "OpenBLAS 0.3.21 NO_LAPACK ... Haswell MAX_THREADS=64"
    if (sscanf(openblas_get_config(), "OpenBLAS %23s", version) != 1) {
        version[0] = '\0';
    }
    snprintf(out, out_bytes, "openblas %s %s", version, openblas_get_corename());
    openblas_set_num_threads(1);
}

static od_status openblas_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                                const float *a, int64_t lda, const float *b, int64_t ldb,
                                float beta, float *c, int64_t ldc) {
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0f,
                a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
    return OD_OK;
}

const od_cpu_blas od_cpu_blas_openblas = {
    .name = "openblas",
    .init = openblas_init,
    .sgemm = openblas_sgemm,
    .conv_forward = od_cpu_sgemm_conv_forward,
    .conv_backward = od_cpu_sgemm_conv_backward,
};
