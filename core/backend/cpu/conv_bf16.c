// SPDX-License-Identifier: Apache-2.0
// Convolutions with operands in bfloat16 by the loops (im2col.h), for machines and libraries that
// have no better way. As in matmul_bf16.c the weights are packed into panels once a call by all
// threads together, and activations chunk by chunk.
//
// Each thread has its own samples, and its own sum for the gradient of the weights; these are added
// in the order of the threads.
#include "core/backend/cpu/conv.h"

#include "core/backend/cpu/im2col.h"

#include <string.h>

enum { PANEL = OD_CPU_BF16_PANEL };

static int64_t pairs_of(int64_t n) {
    return (n + 1) / 2;
}

static int64_t panels_of(int64_t n) {
    return (n + PANEL - 1) / PANEL;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

typedef struct bf16_conv {
    od_cpu_im2col m;
    float *memory;
    // Where in it things lie. Of all threads: the weights [out, columns], and the same as the right
    // operand.
    int64_t packed, panels;
    // Of the first thread, and of each other one `stride` behind it.
    int64_t matrix;              // [chunk, columns]
    int64_t rows;                // of the left operand, in pairs
    int64_t x_panels, dy_panels; // in backward: of the matrix, [panels, pairs of chunk, PANEL]
    int64_t partial;             // in backward: [out, columns]
    int64_t stride, end;
} bf16_conv;

static int64_t take(bf16_conv *c, int64_t count) {
    const int64_t from = c->end;
    c->end += od_cpu_im2col_lines(count);
    return from;
}

static void lay_out(bf16_conv *c, bool backward) {
    const od_cpu_im2col *m = &c->m;
    const int64_t out = m->conv->out, columns = m->columns, pairs = pairs_of(m->chunk);
    c->packed = take(c, out * columns);
    c->panels = take(c, PANEL * (backward ? panels_of(columns) * pairs_of(out)
                                          : panels_of(out) * pairs_of(columns)));
    c->matrix = take(c, m->chunk * columns);
    c->rows = take(c, m->chunk * pairs_of(backward ? out : columns));
    if (backward) {
        c->x_panels = take(c, panels_of(columns) * PANEL * pairs);
        c->dy_panels = take(c, panels_of(out) * PANEL * pairs);
        c->partial = take(c, out * columns);
    }
    c->stride = c->end - c->matrix;
}

// False after od_cpu_fail.
static bool prepare(od_device *device, bf16_conv *c, const od_conv2d *conv, bool backward) {
    *c = (bf16_conv){.m = od_cpu_im2col_of(conv)};
    lay_out(c, backward);
    c->memory = od_cpu_shared_scratch(device, (size_t)(c->end + (device->threads - 1) * c->stride));
    return c->memory != NULL;
}

// What one thread works in.
typedef struct workspace {
    float *matrix, *partial;
    uint32_t *rows, *x_panels, *dy_panels;
} workspace;

static void *at(const bf16_conv *c, int64_t place) {
    return c->memory + place;
}

static workspace my_workspace(const bf16_conv *c) {
    const int64_t off = omp_get_thread_num() * c->stride;
    return (workspace){.matrix = at(c, off + c->matrix),
                       .partial = at(c, off + c->partial),
                       .rows = at(c, off + c->rows),
                       .x_panels = at(c, off + c->x_panels),
                       .dy_panels = at(c, off + c->dy_panels)};
}

// The weights in panels, by all threads together.
static void pack_weights(const od_device *device, const bf16_conv *c, const float *w,
                         bool backward) {
    const int64_t out = c->m.conv->out, columns = c->m.columns;
    const od_cpu_share outputs = od_cpu_my_share(out, 1);
    od_cpu_im2col_pack(&c->m, at(c, c->packed), w, outputs.begin, outputs.end);
#pragma omp barrier
    const od_cpu_share some = od_cpu_my_share(panels_of(backward ? columns : out), 1);
    if (backward) {
        device->loops->bf16_panels(at(c, c->panels), at(c, c->packed), out, columns, some.begin,
                                   some.end);
    } else {
        device->loops->bf16_panels_transposed(at(c, c->panels), at(c, c->packed), columns, out,
                                              some.begin, some.end);
    }
#pragma omp barrier
}

void od_cpu_bf16_conv_forward(od_device *device, float *y, const float *x, const float *w,
                              const float *b, const od_conv2d *conv) {
    bf16_conv c;
    if (!prepare(device, &c, conv, false)) {
        return;
    }
    const od_cpu_im2col *m = &c.m;
    const int64_t out = conv->out, pairs = pairs_of(m->columns);
#pragma omp parallel num_threads(device->threads)
    {
        const workspace my = my_workspace(&c);
        pack_weights(device, &c, w, false);
        const od_cpu_share rows = od_cpu_my_share(conv->batch * m->height * m->width, 1);
        for (int64_t r = rows.begin; r < rows.end; r += m->chunk) {
            const int64_t count = least(m->chunk, rows.end - r);
            const float *matrix = od_cpu_im2col_gather(m, x, r, count, my.matrix);
            device->loops->bf16_rows(my.rows, matrix, count, m->columns);
            device->loops->bf16_multiply(y + r * out, out, b, 0, my.rows, pairs, 1,
                                         at(&c, c.panels), count, out, pairs);
        }
    }
}

// dx of rows [begin, end), which are whole samples.
static void backward_input(const od_device *device, const bf16_conv *c, const workspace *my,
                           float *dx, const float *dy, int64_t begin, int64_t end) {
    const od_cpu_im2col *m = &c->m;
    const od_conv2d *conv = m->conv;
    const int64_t sample = conv->height * conv->width * conv->in, rows = m->height * m->width;
    const int64_t pairs = pairs_of(conv->out);
    if (!m->direct) {
        memset(dx + begin / rows * sample, 0, (size_t)((end - begin) / rows * sample) * sizeof *dx);
    }
    for (int64_t r = begin; r < end; r += m->chunk) {
        const int64_t count = least(m->chunk, end - r);
        float *to = m->direct ? dx + r * conv->in : my->matrix;
        device->loops->bf16_rows(my->rows, dy + r * conv->out, count, conv->out);
        device->loops->bf16_multiply(to, m->columns, NULL, 0, my->rows, pairs, 1, at(c, c->panels),
                                     count, m->columns, pairs);
        if (!m->direct) {
            od_cpu_im2col_scatter(m, device->loops, dx, r, count, my->matrix);
        }
    }
}

static void backward_weight(const od_device *device, const od_cpu_im2col *m, const workspace *my,
                            const float *dy, const float *x, int64_t begin, int64_t end) {
    const int64_t out = m->conv->out, columns = m->columns;
    memset(my->partial, 0, (size_t)(out * columns) * sizeof *my->partial);
    for (int64_t r = begin; r < end; r += m->chunk) {
        const int64_t count = least(m->chunk, end - r), pairs = pairs_of(count);
        const float *matrix = od_cpu_im2col_gather(m, x, r, count, my->matrix);
        device->loops->bf16_panels(my->x_panels, matrix, count, columns, 0, panels_of(columns));
        device->loops->bf16_panels(my->dy_panels, dy + r * out, count, out, 0, panels_of(out));
        for (int64_t o = 0; o < out; o += PANEL) {
            float *to = my->partial + o * columns;
            device->loops->bf16_multiply(to, columns, to, columns, my->dy_panels + o * pairs, 1,
                                         PANEL, my->x_panels, least(PANEL, out - o), columns,
                                         pairs);
        }
    }
}

void od_cpu_bf16_conv_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                               const float *x, const float *w, const od_conv2d *conv) {
    bf16_conv c;
    if (!prepare(device, &c, conv, true)) {
        return;
    }
    const int64_t rows = c.m.height * c.m.width;
#pragma omp parallel num_threads(device->threads)
    {
        const workspace my = my_workspace(&c);
        const od_cpu_share outputs = od_cpu_my_share(conv->out, 1);
        const od_cpu_share samples = od_cpu_my_share(conv->batch, 1);
        const int64_t begin = samples.begin * rows, end = samples.end * rows;
        if (dx != NULL) {
            pack_weights(device, &c, w, true);
            backward_input(device, &c, &my, dx, dy, begin, end);
        }
        backward_weight(device, &c.m, &my, dy, x, begin, end);
#pragma omp barrier
        od_cpu_im2col_add_partials(&c.m, dw, at(&c, c.partial), omp_get_num_threads(), c.stride,
                                   outputs.begin, outputs.end);
        device->loops->add_column_sums(db + outputs.begin, dy + outputs.begin, conv->batch * rows,
                                       outputs.end - outputs.begin, conv->out);
    }
}
