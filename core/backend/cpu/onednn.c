// SPDX-License-Identifier: Apache-2.0
// Matrix products by oneDNN, alike in oneDNN 2 and 3 (convolutions: onednn_conv.c). dnnl_sgemm has
// no state, so there is no primitive to cache; on the shapes of a transformer it is within 5% of
// the matmul primitive.
#include "config.h"

#ifdef HAVE_ONEDNN

#include "core/backend/cpu/conv.h"

#include <dnnl.h>
#include <stdio.h>

static void onednn_init(char *out, size_t out_bytes) {
    const dnnl_version_t *version = dnnl_version();
    snprintf(out, out_bytes, "onednn %d.%d.%d", version->major, version->minor, version->patch);
}

static od_status onednn_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                              const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                              float *c, int64_t ldc) {
    // A team of one is no parallel region to oneDNN, and it would start threads of its own. The
    // setting ends with the region this is called from.
    omp_set_num_threads(1);
    dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k,
                                      1.0f, a, lda, b, ldb, beta, c, ldc);
    return status == dnnl_success ? OD_OK : OD_E_NO_MEMORY;
}

const od_cpu_blas od_cpu_blas_onednn = {
    .name = "onednn",
    .init = onednn_init,
    .sgemm = onednn_sgemm,
    .conv_forward = od_cpu_onednn_conv_forward,
    .conv_backward = od_cpu_onednn_conv_backward,
    .conv_free = od_cpu_onednn_conv_free,
    .conv_has_bf16 = od_cpu_onednn_conv_has_bf16,
};

#endif
