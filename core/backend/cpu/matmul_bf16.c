// SPDX-License-Identifier: Apache-2.0
// Linear layers with operands in bfloat16. The weights are packed into panels at the start of each
// call, by all threads together (a few percent of the product that follows), and activations chunk
// by chunk, so that the scratch does not grow with the batch. Who needs what others have packed
// waits at a barrier; every sum has one writer and one order, whatever the number of threads.
#include "core/backend/cpu/cpu.h"
#include "core/backend/cpu/matmul.h"

enum {
    FORWARD_ROWS = 192,  // a thread's chunk: it stays in the second-level cache
    BACKWARD_ROWS = 512, // a chunk of all threads; even, so that no pair is torn
    PANEL = OD_CPU_BF16_PANEL,
};

typedef struct linear {
    int64_t rows, in, out;
} linear;

static int64_t pairs_of(int64_t n) {
    return (n + 1) / 2;
}

static int64_t panels_of(int64_t n) {
    return (n + PANEL - 1) / PANEL;
}

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// Scratch for shared values and, behind them, `own` of each thread; NULL after a failure. Both are
// rounded up to cache lines.
static uint32_t *scratch_of(od_device *device, int64_t shared, int64_t *own) {
    enum { LINE = 16 };
    *own = (*own + LINE - 1) / LINE * LINE;
    const int64_t threads = device->threads;
    const int64_t share = (shared + threads - 1) / threads + LINE;
    return (uint32_t *)(void *)od_cpu_scratch(device, (size_t)(share + *own));
}

void od_cpu_bf16_linear_forward(od_device *device, float *y, float *gelu, const float *x,
                                const float *w, const float *b, int64_t rows, int64_t in,
                                int64_t out) {
    const int64_t pairs = pairs_of(in);
    const int64_t shared = panels_of(out) * PANEL * pairs;
    int64_t own = FORWARD_ROWS * pairs;
    uint32_t *panels = scratch_of(device, shared, &own);
    if (panels == NULL) {
        return;
    }
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_loops *loops = device->loops;
        uint32_t *a = panels + shared + omp_get_thread_num() * own;
        od_cpu_share some = od_cpu_my_share(panels_of(out), 1);
        loops->bf16_panels_transposed(panels, w, in, out, some.begin, some.end);
#pragma omp barrier
        od_cpu_share mine = od_cpu_my_share(rows, 1);
        for (int64_t r = mine.begin; r < mine.end; r += FORWARD_ROWS) {
            const int64_t count = min64(FORWARD_ROWS, mine.end - r);
            loops->bf16_rows(a, x + r * in, count, in);
            loops->bf16_multiply(y + r * out, out, b, 0, a, pairs, 1, panels, count, out, pairs);
            if (gelu != NULL) {
                loops->gelu_forward(gelu + r * out, y + r * out, count * out);
            }
        }
    }
}

// dx of the rows [r, r + count) that this thread owns, with the rows of dy packed into a.
static void backward_input(const od_device *device, float *dx, const float *dy,
                           const uint32_t *w_panels, uint32_t *a, linear l, od_cpu_share rows,
                           bool accumulate) {
    const int64_t pairs = pairs_of(l.out);
    for (int64_t r = rows.begin; r < rows.end; r += FORWARD_ROWS) {
        const int64_t count = min64(FORWARD_ROWS, rows.end - r);
        float *to = dx + r * l.in;
        device->loops->bf16_rows(a, dy + r * l.out, count, l.out);
        device->loops->bf16_multiply(to, l.in, accumulate ? to : NULL, l.in, a, pairs, 1, w_panels,
                                     count, l.in, pairs);
    }
}

// Adds a chunk's share to dw, whose tiles of PANEL x PANEL are shared among the threads.
static void backward_weight(const od_device *device, float *dw, const uint32_t *dy_panels,
                            const uint32_t *x_panels, linear l, int64_t pairs) {
    const int64_t columns = panels_of(l.in);
    const od_cpu_share tiles = od_cpu_my_share(panels_of(l.out) * columns, 1);
    for (int64_t t = tiles.begin; t < tiles.end; t++) {
        const int64_t o = t / columns * PANEL, i = t % columns * PANEL;
        float *to = dw + o * l.in + i;
        device->loops->bf16_multiply(to, l.in, to, l.in, dy_panels + o * pairs, 1, PANEL,
                                     x_panels + i * pairs, min64(PANEL, l.out - o),
                                     min64(PANEL, l.in - i), pairs);
    }
}

static void pack_panels(const od_device *device, uint32_t *to, const float *from, int64_t rows,
                        int64_t n) {
    const od_cpu_share some = od_cpu_my_share(panels_of(n), 1);
    device->loops->bf16_panels(to, from, rows, n, some.begin, some.end);
}

void od_cpu_bf16_linear_backward(od_device *device, float *dx, float *dw, float *db,
                                 const float *dy, const float *x, const float *w, int64_t rows,
                                 int64_t in, int64_t out, bool accumulate_dx) {
    const linear l = {rows, in, out};
    const int64_t w_size = dx != NULL ? panels_of(in) * PANEL * pairs_of(out) : 0;
    const int64_t dy_size = panels_of(out) * PANEL * (BACKWARD_ROWS / 2);
    const int64_t x_size = panels_of(in) * PANEL * (BACKWARD_ROWS / 2);
    int64_t own = dx != NULL ? FORWARD_ROWS * pairs_of(out) : 0;
    uint32_t *w_panels = scratch_of(device, w_size + dy_size + x_size, &own);
    if (w_panels == NULL) {
        return;
    }
    uint32_t *dy_panels = w_panels + w_size, *x_panels = dy_panels + dy_size;
#pragma omp parallel num_threads(device->threads)
    {
        uint32_t *a = x_panels + x_size + omp_get_thread_num() * own;
        const od_cpu_share outputs = od_cpu_my_share(out, 1);
        if (dx != NULL) {
            pack_panels(device, w_panels, w, out, in);
#pragma omp barrier
            backward_input(device, dx, dy, w_panels, a, l, od_cpu_my_share(rows, 1), accumulate_dx);
        }
        for (int64_t r = 0; r < rows; r += BACKWARD_ROWS) {
            const int64_t count = min64(BACKWARD_ROWS, rows - r);
            pack_panels(device, dy_panels, dy + r * out, count, out);
            pack_panels(device, x_panels, x + r * in, count, in);
            if (db != NULL) {
                device->loops->add_column_sums(db + outputs.begin, dy + r * out + outputs.begin,
                                               count, outputs.end - outputs.begin, out);
            }
#pragma omp barrier
            backward_weight(device, dw, dy_panels, x_panels, l, pairs_of(count));
#pragma omp barrier
        }
    }
}
