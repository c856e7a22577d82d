// SPDX-License-Identifier: Apache-2.0
// How long each kernel of the cpu backend takes on the shapes of a ViT, and what a training step
// adds up to. Prints the best of several calls, so that other work on the machine counts little.
//   kernels_bench [THREADS [BLAS]]
#include "core/backend/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct model {
    const char *name;
    int64_t batch, tokens, dim, hidden, heads, depth;
} model;

static const model models[] = {
    {"ViT-N/7 on 28x28", 128, 17, 64, 256, 4, 6},
    {"ViT-S/4 on 32x32", 128, 65, 384, 1536, 6, 6},
};

typedef struct bench {
    const od_backend *b;
    od_device *device;
    const model *m;
    int64_t rows;
    float *p[8]; // [rows, 3 dim or hidden] each, of numbers like those of a network
} bench;

static void qkv_forward(bench *t) {
    t->b->linear_forward(t->device, t->p[0], t->p[1], t->p[2], t->p[3], t->rows, t->m->dim,
                         3 * t->m->dim);
}

static void attention_forward(bench *t) {
    t->b->attention_forward(t->device, t->p[0], t->p[4], t->p[1], t->m->batch, t->m->tokens,
                            t->m->heads, t->m->dim / t->m->heads);
}

static void projection_forward(bench *t) {
    t->b->linear_forward(t->device, t->p[0], t->p[1], t->p[2], t->p[3], t->rows, t->m->dim,
                         t->m->dim);
}

static void fc1_gelu_forward(bench *t) {
    t->b->linear_gelu_forward(t->device, t->p[0], t->p[4], t->p[1], t->p[2], t->p[3], t->rows,
                              t->m->dim, t->m->hidden);
}

static void fc2_forward(bench *t) {
    t->b->linear_forward(t->device, t->p[0], t->p[1], t->p[2], t->p[3], t->rows, t->m->hidden,
                         t->m->dim);
}

static void connect(bench *t, od_connection connection, float *stats) {
    t->b->connect_layernorm_forward(t->device, t->p[0], t->p[4], t->p[5], t->p[6], t->p[7], stats,
                                    t->p[1], t->p[2], t->rows, t->m->dim, connection, 1e-6f, 1e-6f);
}

static void connect_linear(bench *t) {
    connect(t, OD_CONNECT_LINEAR, NULL);
}

static void connect_orthogonal(bench *t) {
    connect(t, OD_CONNECT_ORTHOGONAL, NULL);
}

static void connect_with_stats(bench *t) {
    connect(t, OD_CONNECT_ORTHOGONAL, t->p[5]);
}

static void qkv_backward(bench *t) {
    t->b->linear_backward(t->device, t->p[0], t->p[4], t->p[5], t->p[1], t->p[2], t->p[3], t->rows,
                          t->m->dim, 3 * t->m->dim, false);
}

static void attention_backward(bench *t) {
    t->b->attention_backward(t->device, t->p[0], t->p[1], t->p[2], t->p[3], t->m->batch,
                             t->m->tokens, t->m->heads, t->m->dim / t->m->heads);
}

static void projection_backward(bench *t) {
    t->b->linear_backward(t->device, t->p[0], t->p[4], t->p[5], t->p[1], t->p[2], t->p[3], t->rows,
                          t->m->dim, t->m->dim, false);
}

static void fc1_backward(bench *t) {
    t->b->linear_backward(t->device, t->p[0], t->p[4], t->p[5], t->p[1], t->p[2], t->p[3], t->rows,
                          t->m->dim, t->m->hidden, false);
}

static void gelu_backward(bench *t) {
    t->b->gelu_backward(t->device, t->p[0], t->p[1], t->p[2], t->rows * t->m->hidden);
}

static void fc2_backward(bench *t) {
    t->b->linear_backward(t->device, t->p[0], t->p[4], t->p[5], t->p[1], t->p[2], t->p[3], t->rows,
                          t->m->hidden, t->m->dim, false);
}

static void layernorm_backward(bench *t) {
    t->b->layernorm_backward(t->device, t->p[0], NULL, NULL, t->p[1], t->p[2], t->p[3], t->p[6],
                             NULL, t->rows, t->m->dim, true);
}

static void connect_backward(bench *t, od_connection connection) {
    t->b->connect_backward(t->device, t->p[0], t->p[4], t->p[1], t->p[2], t->p[3], t->p[7], t->rows,
                           t->m->dim, connection, false);
}

static void connect_linear_backward(bench *t) {
    connect_backward(t, OD_CONNECT_LINEAR);
}

static void connect_orthogonal_backward(bench *t) {
    connect_backward(t, OD_CONNECT_ORTHOGONAL);
}

static int64_t parameters_of(const model *m) {
    return m->depth * (4 * m->dim * m->dim + 2 * m->dim * m->hidden);
}

static void adam(bench *t) {
    od_adam_options options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .step = 1};
    t->b->adam(t->device, t->p[0], t->p[4], t->p[5], t->p[1], parameters_of(t->m), &options);
}

static void sum_of_squares(bench *t) {
    t->b->sum_of_squares(t->device, (double *)(void *)t->p[0], t->p[1], parameters_of(t->m));
}

// Floating-point operations and bytes are counted in units that depend on the model.
typedef struct row {
    const char *name;
    void (*run)(bench *t);
    double matmul;          // FLOP / (rows dim^2)
    double attention;       // FLOP / (rows tokens dim)
    double bytes;           // bytes / (4 rows dim)
    double each;            // bytes / (4 parameters)
    int linear, orthogonal; // calls in a block (a step for parameters) of either network
} row;

static const row rows[] = {
    {"qkv forward", qkv_forward, .matmul = 6, .linear = 1, .orthogonal = 1},
    {"attention forward", attention_forward, .attention = 4, .linear = 1, .orthogonal = 1},
    {"projection forward", projection_forward, .matmul = 2, .linear = 1, .orthogonal = 1},
    {"fc1 and gelu forward", fc1_gelu_forward, .matmul = 8, .linear = 1, .orthogonal = 1},
    {"fc2 forward", fc2_forward, .matmul = 8, .linear = 1, .orthogonal = 1},
    {"linear + norm forward", connect_linear, .bytes = 4, .linear = 2},
    {"orthogonal + norm forward", connect_orthogonal, .bytes = 4, .orthogonal = 2},
    {"  the same with statistics", connect_with_stats, .bytes = 4},
    {"fc2 backward", fc2_backward, .matmul = 16, .linear = 1, .orthogonal = 1},
    {"gelu backward", gelu_backward, .bytes = 12, .linear = 1, .orthogonal = 1},
    {"fc1 backward", fc1_backward, .matmul = 16, .linear = 1, .orthogonal = 1},
    {"projection backward", projection_backward, .matmul = 4, .linear = 1, .orthogonal = 1},
    {"attention backward", attention_backward, .attention = 10, .linear = 1, .orthogonal = 1},
    {"qkv backward", qkv_backward, .matmul = 12, .linear = 1, .orthogonal = 1},
    {"norm backward", layernorm_backward, .bytes = 4, .linear = 2, .orthogonal = 2},
    {"linear backward", connect_linear_backward, .bytes = 3, .linear = 2},
    {"orthogonal backward", connect_orthogonal_backward, .bytes = 5, .orthogonal = 2},
    {"sum of squares", sum_of_squares, .each = 1, .linear = 1, .orthogonal = 1},
    {"adam", adam, .each = 7, .linear = 1, .orthogonal = 1},
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// The best of the calls that fit in a quarter of a second, at least five.
static double best_seconds(bench *t, const row *r) {
    r->run(t);
    double best = INFINITY;
    double end = seconds_now() + 0.25;
    for (int i = 0; i < 5 || seconds_now() < end; i++) {
        double start = seconds_now();
        r->run(t);
        double took = seconds_now() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void print_row(const bench *t, const row *r, double seconds) {
    const model *m = t->m;
    double flop = (double)(t->rows * m->dim) *
                  (r->matmul * (double)m->dim + r->attention * (double)m->tokens);
    double bytes = 4 * (r->bytes * (double)(t->rows * m->dim) + r->each * (double)parameters_of(m));
    printf("  %-28s %9.1f us  %7.1f %s\n", r->name, seconds * 1e6,
           (flop > 0 ? flop : bytes) / seconds * 1e-9, flop > 0 ? "GFLOP/s" : "GB/s");
}

// Numbers as in a network: between -1 and 1, so that nothing overflows or becomes subnormal.
static int fill(bench *t, int64_t count, od_error *error) {
    for (size_t i = 0; i < sizeof t->p / sizeof *t->p; i++) {
        void *memory = NULL;
        if (t->b->alloc(t->device, (size_t)count * sizeof(float), &memory, error) != OD_OK) {
            return 1;
        }
        t->p[i] = memory;
        for (int64_t k = 0; k < count; k++) {
            t->p[i][k] = (float)sin((double)k * 0.7 + (double)i);
        }
    }
    return 0;
}

static int run_model(bench *t, od_error *error) {
    const model *m = t->m;
    int64_t widest = m->hidden > m->heads * m->tokens ? m->hidden : m->heads * m->tokens;
    int64_t weights = parameters_of(m);
    t->rows = m->batch * m->tokens;
    if (fill(t, t->rows * widest > weights ? t->rows * widest : weights, error) != 0) {
        return 1;
    }
    printf("%s, batch %lld\n", m->name, (long long)m->batch);
    double linear = 0, orthogonal = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double seconds = best_seconds(t, &rows[i]);
        double times = rows[i].each > 0 ? 1 : (double)m->depth;
        print_row(t, &rows[i], seconds);
        linear += seconds * times * rows[i].linear;
        orthogonal += seconds * times * rows[i].orthogonal;
    }
    printf("  blocks and optimizer of a step: linear %.2f ms (%.0f samples/s), orthogonal %.2f ms "
           "(%.0f samples/s)\n\n",
           linear * 1e3, (double)m->batch / linear, orthogonal * 1e3,
           (double)m->batch / orthogonal);
    for (size_t i = 0; i < sizeof t->p / sizeof *t->p; i++) {
        t->b->free(t->device, t->p[i]);
    }
    return 0;
}

int main(int argc, char **argv) {
    od_device_options options = {.threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1,
                                 .blas = argc > 2 ? argv[2] : NULL};
    bench t = {.b = &od_backend_cpu};
    od_error error = {0};
    int failed = t.b->open(&options, &t.device, &error) != OD_OK;
    if (!failed) {
        printf("%s, %d thread%s\n\n", t.b->describe(t.device), options.threads,
               options.threads == 1 ? "" : "s");
    }
    for (size_t i = 0; !failed && i < sizeof models / sizeof *models; i++) {
        t.m = &models[i];
        failed = run_model(&t, &error);
    }
    if (failed) {
        fprintf(stderr, "kernels_bench: %s\n", error.text);
    }
    t.b->close(t.device);
    return failed;
}
