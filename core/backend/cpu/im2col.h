// SPDX-License-Identifier: Apache-2.0
// A convolution as matrix products: the window of each place of y becomes one row of a matrix
// ("im2col"), which is made some rows at a time. Rows list (p, q, c), because a pixel's channels lie
// together, and the weights are brought into that order.
#ifndef OD_CORE_BACKEND_CPU_IM2COL_H
#define OD_CORE_BACKEND_CPU_IM2COL_H

#include "core/backend/cpu/cpu.h"

typedef struct od_cpu_im2col {
    const od_conv2d *conv;
    int64_t height, width; // of y
    int64_t columns;       // of the matrix: kernel * kernel * in
    int64_t chunk;         // rows at a time, an even number
    bool direct;           // x is that matrix already
} od_cpu_im2col;

// conv has to outlive it.
od_cpu_im2col od_cpu_im2col_of(const od_conv2d *conv);

// count rounded up to whole cache lines of float32.
static inline int64_t od_cpu_im2col_lines(int64_t count) {
    enum { LINE = 16 };
    return (count + LINE - 1) / LINE * LINE;
}

// packed[out, columns] = w[out, in, kernel, kernel] for the output channels [begin, end).
void od_cpu_im2col_pack(const od_cpu_im2col *m, float *packed, const float *w, int64_t begin,
                        int64_t end);

// The rows [begin, begin + count), count <= chunk, in to[count, columns]; or in x where m is direct,
// and then `to` is not touched.
const float *od_cpu_im2col_gather(const od_cpu_im2col *m, const float *x, int64_t begin,
                                  int64_t count, float *to);

// The opposite: adds the rows to the pixels of dx that they came from.
void od_cpu_im2col_scatter(const od_cpu_im2col *m, const od_cpu_loops *loops, float *dx,
                           int64_t begin, int64_t count, const float *from);

// Adds the sums of `threads` partial gradients [out, columns], stride values from one to the next,
// to dw for the output channels [begin, end).
void od_cpu_im2col_add_partials(const od_cpu_im2col *m, float *dw, const float *partials,
                                int threads, int64_t stride, int64_t begin, int64_t end);

#endif
