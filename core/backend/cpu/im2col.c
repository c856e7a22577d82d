// SPDX-License-Identifier: Apache-2.0
#include "core/backend/cpu/im2col.h"

#include <string.h>

enum { CHUNK_FLOATS = 1 << 18, LEAST_ROWS = 64 };

od_cpu_im2col od_cpu_im2col_of(const od_conv2d *conv) {
    const int64_t columns = conv->kernel * conv->kernel * conv->in;
    const int64_t even = CHUNK_FLOATS / columns / 2 * 2;
    return (od_cpu_im2col){
        .conv = conv,
        .height = od_conv2d_side(conv, conv->height),
        .width = od_conv2d_side(conv, conv->width),
        .columns = columns,
        .chunk = even > LEAST_ROWS ? even : LEAST_ROWS,
        .direct = conv->kernel == 1 && conv->stride == 1 && conv->padding == 0,
    };
}

void od_cpu_im2col_pack(const od_cpu_im2col *m, float *packed, const float *w, int64_t begin,
                        int64_t end) {
    const int64_t in = m->conv->in, plane = m->conv->kernel * m->conv->kernel;
    for (int64_t o = begin; o < end; o++) {
        for (int64_t i = 0; i < m->columns; i++) {
            packed[o * m->columns + i] = w[o * m->columns + i % in * plane + i / in];
        }
    }
}

// The pixel under place (p, q) of the window of row r, or -1.
static int64_t pixel_under(const od_cpu_im2col *m, int64_t r, int64_t p, int64_t q) {
    const od_conv2d *conv = m->conv;
    const int64_t i = r / m->width % m->height * conv->stride - conv->padding + p;
    const int64_t j = r % m->width * conv->stride - conv->padding + q;
    const bool inside = i >= 0 && i < conv->height && j >= 0 && j < conv->width;
    return inside ? (r / m->width / m->height * conv->height + i) * conv->width + j : -1;
}

const float *od_cpu_im2col_gather(const od_cpu_im2col *m, const float *x, int64_t begin,
                                  int64_t count, float *to) {
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

void od_cpu_im2col_scatter(const od_cpu_im2col *m, const od_cpu_loops *loops, float *dx,
                           int64_t begin, int64_t count, const float *from) {
    const int64_t in = m->conv->in, k = m->conv->kernel;
    for (int64_t r = begin; r < begin + count; r++) {
        for (int64_t place = 0; place < k * k; place++, from += in) {
            const int64_t pixel = pixel_under(m, r, place / k, place % k);
            if (pixel >= 0) {
                loops->add(dx + pixel * in, dx + pixel * in, from, in);
            }
        }
    }
}

void od_cpu_im2col_add_partials(const od_cpu_im2col *m, float *dw, const float *partials,
                                int threads, int64_t stride, int64_t begin, int64_t end) {
    const int64_t in = m->conv->in, plane = m->conv->kernel * m->conv->kernel;
    for (int64_t o = begin; o < end; o++) {
        for (int64_t i = 0; i < m->columns; i++) {
            float sum = 0;
            for (int t = 0; t < threads; t++) {
                sum += partials[t * stride + o * m->columns + i];
            }
            dw[o * m->columns + i % in * plane + i / in] += sum;
        }
    }
}
