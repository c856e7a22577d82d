// SPDX-License-Identifier: Apache-2.0
// Convolutions by matrix products in float32, for the library that has no better way (im2col.h).
//
// Each thread has its own samples, and its own sum for the gradient of the weights; these are added
// in the order of the threads.
#include "core/backend/cpu/conv.h"

#include "core/backend/cpu/im2col.h"

#include <string.h>

typedef struct sgemm {
    od_cpu_im2col m;
    float *packed;  // the weights: [out, columns]
    float *matrix;  // of each thread, stride floats apart: [chunk, columns]
    float *partial; // of each thread, behind matrix: [out, columns], in backward
    int64_t stride;
} sgemm;

// False after od_cpu_fail.
static bool prepare(od_device *device, sgemm *s, const od_conv2d *conv, bool backward) {
    const od_cpu_im2col m = od_cpu_im2col_of(conv);
    const int64_t weights = od_cpu_im2col_lines(conv->out * m.columns);
    const int64_t matrix = od_cpu_im2col_lines(m.chunk * m.columns);
    *s = (sgemm){.m = m, .stride = matrix + (backward ? weights : 0)};
    s->packed = od_cpu_shared_scratch(device, (size_t)(weights + device->threads * s->stride));
    if (s->packed == NULL) {
        return false;
    }
    s->matrix = s->packed + weights;
    s->partial = s->matrix + matrix;
    return true;
}

static void multiply(od_device *device, bool transpose_a, bool transpose_b, int64_t rows,
                     int64_t columns, int64_t inner, const float *a, const float *b, float beta,
                     float *c) {
    const int64_t lda = transpose_a ? rows : inner;
    const int64_t ldb = transpose_b ? inner : columns;
    if (device->blas->sgemm(transpose_a, transpose_b, rows, columns, inner, a, lda, b, ldb, beta, c,
                            columns) != OD_OK) {
        od_cpu_fail(device, "no memory inside a matrix product; take a smaller batch");
    }
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void od_cpu_sgemm_conv_forward(od_device *device, float *y, const float *x, const float *w,
                               const float *b, const od_conv2d *conv) {
    sgemm s;
    if (!prepare(device, &s, conv, false)) {
        return;
    }
    const od_cpu_im2col *m = &s.m;
    const int64_t out = conv->out;
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share outputs = od_cpu_my_share(out, 1);
        od_cpu_im2col_pack(m, s.packed, w, outputs.begin, outputs.end);
#pragma omp barrier
        float *matrix = s.matrix + omp_get_thread_num() * s.stride;
        const od_cpu_share mine = od_cpu_my_share(conv->batch * m->height * m->width, 1);
        for (int64_t r = mine.begin; r < mine.end; r += m->chunk) {
            const int64_t count = least(m->chunk, mine.end - r);
            multiply(device, false, true, count, out, m->columns,
                     od_cpu_im2col_gather(m, x, r, count, matrix), s.packed, 0, y + r * out);
            device->loops->add_bias(y + r * out, b, count, out);
        }
    }
}

// dx of rows [begin, end), which are whole samples.
static void backward_input(od_device *device, const sgemm *s, float *dx, const float *dy,
                           int64_t begin, int64_t end, float *matrix) {
    const od_cpu_im2col *m = &s->m;
    const od_conv2d *conv = m->conv;
    const int64_t sample = conv->height * conv->width * conv->in, rows = m->height * m->width;
    if (!m->direct) {
        memset(dx + begin / rows * sample, 0, (size_t)((end - begin) / rows * sample) * sizeof *dx);
    }
    for (int64_t r = begin; r < end; r += m->chunk) {
        const int64_t count = least(m->chunk, end - r);
        float *to = m->direct ? dx + r * conv->in : matrix;
        multiply(device, false, false, count, m->columns, conv->out, dy + r * conv->out, s->packed,
                 0, to);
        if (!m->direct) {
            od_cpu_im2col_scatter(m, device->loops, dx, r, count, matrix);
        }
    }
}

static void backward_weight(od_device *device, const od_cpu_im2col *m, const float *dy,
                            const float *x, int64_t begin, int64_t end, float *matrix,
                            float *partial) {
    const int64_t out = m->conv->out;
    memset(partial, 0, (size_t)(out * m->columns) * sizeof *partial);
    for (int64_t r = begin; r < end; r += m->chunk) {
        const int64_t count = least(m->chunk, end - r);
        multiply(device, true, false, out, m->columns, count, dy + r * out,
                 od_cpu_im2col_gather(m, x, r, count, matrix), 1, partial);
    }
}

void od_cpu_sgemm_conv_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                                const float *x, const float *w, const od_conv2d *conv) {
    sgemm s;
    if (!prepare(device, &s, conv, true)) {
        return;
    }
    const int64_t rows = s.m.height * s.m.width;
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share outputs = od_cpu_my_share(conv->out, 1);
        const od_cpu_share samples = od_cpu_my_share(conv->batch, 1);
        const int64_t begin = samples.begin * rows, end = samples.end * rows;
        float *matrix = s.matrix + omp_get_thread_num() * s.stride;
        float *partial = s.partial + omp_get_thread_num() * s.stride;
        od_cpu_im2col_pack(&s.m, s.packed, w, outputs.begin, outputs.end);
#pragma omp barrier
        if (dx != NULL) {
            backward_input(device, &s, dx, dy, begin, end, matrix);
        }
        backward_weight(device, &s.m, dy, x, begin, end, matrix, partial);
#pragma omp barrier
        od_cpu_im2col_add_partials(&s.m, dw, s.partial, omp_get_num_threads(), s.stride,
                                   outputs.begin, outputs.end);
        device->loops->add_column_sums(db + outputs.begin, dy + outputs.begin, conv->batch * rows,
                                       outputs.end - outputs.begin, conv->out);
    }
}
