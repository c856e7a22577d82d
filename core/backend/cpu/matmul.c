// SPDX-License-Identifier: Apache-2.0
// Linear layers. Rows are taken in chunks that stay in the second-level cache, so that bias, GELU
// and the bias gradient find what the matrix product has just written or read.
#include "core/backend/cpu/matmul.h"

#include "core/backend/cpu/cpu.h"

// Small enough for the cache, large enough that packing the weights again costs little.
enum { CHUNK_ROWS = 512 };

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void multiply(od_device *device, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                     int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
                     float beta, float *c, int64_t ldc) {
    if (m == 0) {
        return; // a thread without a share
    }
    if (device->blas->sgemm(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc) !=
        OD_OK) {
        od_cpu_fail(device, "no memory inside a matrix product; take a smaller batch");
    }
}

void od_cpu_linear_forward(od_device *device, float *y, const float *x, const float *w,
                           const float *b, int64_t rows, int64_t in, int64_t out) {
    if (device->precision == OD_PRECISION_BF16) {
        od_cpu_bf16_linear_forward(device, y, NULL, x, w, b, rows, in, out);
        return;
    }
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share mine = od_cpu_my_share(rows, 1);
        for (int64_t r = mine.begin; r < mine.end; r += CHUNK_ROWS) {
            int64_t count = min64(CHUNK_ROWS, mine.end - r);
            multiply(device, false, true, count, out, in, x + r * in, in, w, in, 0, y + r * out,
                     out);
            if (b != NULL) {
                device->loops->add_bias(y + r * out, b, count, out);
            }
        }
    }
}

void od_cpu_linear_gelu_forward(od_device *device, float *y, float *pre, const float *x,
                                const float *w, const float *b, int64_t rows, int64_t in,
                                int64_t out) {
    if (device->precision == OD_PRECISION_BF16) {
        od_cpu_bf16_linear_forward(device, pre, y, x, w, b, rows, in, out);
        return;
    }
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share mine = od_cpu_my_share(rows, 1);
        for (int64_t r = mine.begin; r < mine.end; r += CHUNK_ROWS) {
            int64_t count = min64(CHUNK_ROWS, mine.end - r);
            multiply(device, false, true, count, out, in, x + r * in, in, w, in, 0, pre + r * out,
                     out);
            if (b != NULL) {
                device->loops->add_bias(pre + r * out, b, count, out);
            }
            device->loops->gelu_forward(y + r * out, pre + r * out, count * out);
        }
    }
}

void od_cpu_linear_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                            const float *x, const float *w, int64_t rows, int64_t in, int64_t out,
                            bool accumulate_dx) {
    if (device->precision == OD_PRECISION_BF16) {
        od_cpu_bf16_linear_backward(device, dx, dw, db, dy, x, w, rows, in, out, accumulate_dx);
        return;
    }
#pragma omp parallel num_threads(device->threads)
    {
        // dx is shared by rows of each chunk, dw and db by outputs: each value has one writer, and
        // sums over rows go through the chunks in order, whatever the number of threads.
        od_cpu_share outputs = od_cpu_my_share(out, 1);
        int64_t width = outputs.end - outputs.begin;
        for (int64_t r = 0; r < rows; r += CHUNK_ROWS) {
            int64_t count = min64(CHUNK_ROWS, rows - r);
            const float *dy_mine = dy + r * out + outputs.begin;
            if (dx != NULL) {
                od_cpu_share some = od_cpu_my_share(count, 1);
                int64_t first = r + some.begin;
                multiply(device, false, false, some.end - some.begin, in, out, dy + first * out,
                         out, w, in, accumulate_dx ? 1 : 0, dx + first * in, in);
            }
            multiply(device, true, false, width, in, count, dy_mine, out, x + r * in, in, 1,
                     dw + outputs.begin * in, in);
            if (db != NULL) {
                device->loops->add_column_sums(db + outputs.begin, dy_mine, count, width, out);
            }
        }
    }
}
