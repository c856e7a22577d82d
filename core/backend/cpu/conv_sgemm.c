// SPDX-License-Identifier: Apache-2.0
// Convolutions by matrix products, for the library that has no better way: the window of each place
// of y becomes one row of a matrix ("im2col"), some rows at a time. Rows list (p, q, c), because
// pixels lie together; the weights are brought into that order once a call.
//
// Each thread has its own samples, and its own sum for the gradient of the weights; these are added
// in the order of the threads.
#include "core/backend/cpu/cpu.h"

#include <string.h>

enum { CHUNK_FLOATS = 1 << 18, LEAST_ROWS = 64 };

typedef struct im2col {
    const od_conv2d *conv;
    int64_t height, width; // of y
    int64_t columns;       // of the matrix: kernel * kernel * in
    int64_t chunk;         // rows at a time
    bool direct;           // x is that matrix already
    float *packed;         // [out, columns]
    float *matrix;         // of each thread, matrix_stride floats apart: [chunk, columns]
    float *partial;        // of each thread, behind matrix: [out, columns], in backward
    int64_t stride;        // floats from one thread's memory to the next's
} im2col;

static int64_t lines(int64_t floats) {
    enum { LINE = 16 };
    return (floats + LINE - 1) / LINE * LINE;
}

// False after od_cpu_fail.
static bool prepare(od_device *device, im2col *m, const od_conv2d *conv, bool backward) {
    const int64_t columns = conv->kernel * conv->kernel * conv->in;
    const int64_t chunk = CHUNK_FLOATS / columns > LEAST_ROWS ? CHUNK_FLOATS / columns : LEAST_ROWS;
    const int64_t weights = lines(conv->out * columns);
    *m = (im2col){
        .conv = conv,
        .height = od_conv2d_side(conv, conv->height),
        .width = od_conv2d_side(conv, conv->width),
        .columns = columns,
        .chunk = chunk,
        .direct = conv->kernel == 1 && conv->stride == 1 && conv->padding == 0,
        .stride = lines(chunk * columns) + (backward ? weights : 0),
    };
    m->packed = od_cpu_shared_scratch(device, (size_t)(weights + device->threads * m->stride));
    if (m->packed == NULL) {
        return false;
    }
    m->matrix = m->packed + weights;
    m->partial = m->matrix + lines(chunk * columns);
    return true;
}

// The weights of the output channels [begin, end), from [in, kernel * kernel] to the opposite.
static void pack(const im2col *m, const float *w, int64_t begin, int64_t end) {
    const int64_t in = m->conv->in, plane = m->conv->kernel * m->conv->kernel;
    for (int64_t o = begin; o < end; o++) {
        for (int64_t i = 0; i < m->columns; i++) {
            m->packed[o * m->columns + i] = w[o * m->columns + i % in * plane + i / in];
        }
    }
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

// The pixel under place (p, q) of the window of row r, or -1.
static int64_t pixel_under(const im2col *m, int64_t r, int64_t p, int64_t q) {
    const od_conv2d *conv = m->conv;
    const int64_t i = r / m->width % m->height * conv->stride - conv->padding + p;
    const int64_t j = r % m->width * conv->stride - conv->padding + q;
    const bool inside = i >= 0 && i < conv->height && j >= 0 && j < conv->width;
    return inside ? (r / m->width / m->height * conv->height + i) * conv->width + j : -1;
}

// Rows [begin, begin + count) of the matrix; `to` is used unless x has them already.
static const float *gather(const im2col *m, const float *x, int64_t begin, int64_t count,
                           float *to) {
    const int64_t in = m->conv->in, k = m->conv->kernel;
    if (m->direct) {
        return x + begin * in;
    }
    float *out = to;
    for (int64_t r = begin; r < begin + count; r++) {
        for (int64_t place = 0; place < k * k; place++, out += in) {
            const int64_t pixel = pixel_under(m, r, place / k, place % k);
            if (pixel < 0) {
                memset(out, 0, (size_t)in * sizeof *out);
            } else {
                memcpy(out, x + pixel * in, (size_t)in * sizeof *out);
            }
        }
    }
    return to;
}

// The opposite: adds the rows to the pixels that they came from.
static void scatter(od_device *device, const im2col *m, float *dx, int64_t begin, int64_t count,
                    const float *from) {
    const int64_t in = m->conv->in, k = m->conv->kernel;
    for (int64_t r = begin; r < begin + count; r++) {
        for (int64_t place = 0; place < k * k; place++, from += in) {
            const int64_t pixel = pixel_under(m, r, place / k, place % k);
            if (pixel >= 0) {
                device->loops->add(dx + pixel * in, dx + pixel * in, from, in);
            }
        }
    }
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void od_cpu_sgemm_conv_forward(od_device *device, float *y, const float *x, const float *w,
                               const float *b, const od_conv2d *conv) {
    im2col m;
    if (!prepare(device, &m, conv, false)) {
        return;
    }
    const int64_t out = conv->out;
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share outputs = od_cpu_my_share(out, 1);
        pack(&m, w, outputs.begin, outputs.end);
#pragma omp barrier
        float *matrix = m.matrix + omp_get_thread_num() * m.stride;
        const od_cpu_share mine = od_cpu_my_share(conv->batch * m.height * m.width, 1);
        for (int64_t r = mine.begin; r < mine.end; r += m.chunk) {
            const int64_t count = least(m.chunk, mine.end - r);
            multiply(device, false, true, count, out, m.columns, gather(&m, x, r, count, matrix),
                     m.packed, 0, y + r * out);
            device->loops->add_bias(y + r * out, b, count, out);
        }
    }
}

// dx of rows [begin, end), which are whole samples.
static void backward_input(od_device *device, const im2col *m, float *dx, const float *dy,
                           int64_t begin, int64_t end, float *matrix) {
    const od_conv2d *conv = m->conv;
    const int64_t sample = conv->height * conv->width * conv->in, rows = m->height * m->width;
    if (!m->direct) {
        memset(dx + begin / rows * sample, 0, (size_t)((end - begin) / rows * sample) * sizeof *dx);
    }
    for (int64_t r = begin; r < end; r += m->chunk) {
        const int64_t count = least(m->chunk, end - r);
        float *to = m->direct ? dx + r * conv->in : matrix;
        multiply(device, false, false, count, m->columns, conv->out, dy + r * conv->out, m->packed,
                 0, to);
        if (!m->direct) {
            scatter(device, m, dx, r, count, matrix);
        }
    }
}

static void backward_weight(od_device *device, const im2col *m, const float *dy, const float *x,
                            int64_t begin, int64_t end, float *matrix, float *partial) {
    const int64_t out = m->conv->out;
    memset(partial, 0, (size_t)(out * m->columns) * sizeof *partial);
    for (int64_t r = begin; r < end; r += m->chunk) {
        const int64_t count = least(m->chunk, end - r);
        multiply(device, true, false, out, m->columns, count, dy + r * out,
                 gather(m, x, r, count, matrix), 1, partial);
    }
}

// Adds the threads' sums for the output channels [begin, end) to dw, in PyTorch's order again.
static void add_partials(const im2col *m, float *dw, int threads, int64_t begin, int64_t end) {
    const int64_t in = m->conv->in, plane = m->conv->kernel * m->conv->kernel;
    for (int64_t o = begin; o < end; o++) {
        for (int64_t i = 0; i < m->columns; i++) {
            float sum = 0;
            for (int t = 0; t < threads; t++) {
                sum += m->partial[t * m->stride + o * m->columns + i];
            }
            dw[o * m->columns + i % in * plane + i / in] += sum;
        }
    }
}

void od_cpu_sgemm_conv_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                                const float *x, const float *w, const od_conv2d *conv) {
    im2col m;
    if (!prepare(device, &m, conv, true)) {
        return;
    }
    const int64_t rows = m.height * m.width;
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share outputs = od_cpu_my_share(conv->out, 1);
        const od_cpu_share samples = od_cpu_my_share(conv->batch, 1);
        const int64_t begin = samples.begin * rows, end = samples.end * rows;
        float *matrix = m.matrix + omp_get_thread_num() * m.stride;
        float *partial = m.partial + omp_get_thread_num() * m.stride;
        pack(&m, w, outputs.begin, outputs.end);
#pragma omp barrier
        if (dx != NULL) {
            backward_input(device, &m, dx, dy, begin, end, matrix);
        }
        backward_weight(device, &m, dy, x, begin, end, matrix, partial);
#pragma omp barrier
        add_partials(&m, dw, omp_get_num_threads(), outputs.begin, outputs.end);
        device->loops->add_column_sums(db + outputs.begin, dy + outputs.begin, conv->batch * rows,
                                       outputs.end - outputs.begin, conv->out);
    }
}
