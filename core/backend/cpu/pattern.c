// SPDX-License-Identifier: Apache-2.0
// Connections with a pattern. Statistics and the scalar's gradient are summed block by block, so
// that they do not depend on the number of threads.
#include "core/backend/cpu/cpu.h"

static int64_t block_begin(int64_t rows, int64_t block) {
    return rows * block / OD_CPU_BLOCKS;
}

static float scalar_of(const od_pattern_options *options) {
    return options->scalar != NULL ? *options->scalar : 0;
}

static od_cpu_pattern_args args_of(const od_pattern_options *options, int64_t n) {
    return (od_cpu_pattern_args){
        .terms =
            od_pattern_terms_of(options->connection, options->pattern, (double)scalar_of(options)),
        .eps = options->eps,
        .n = n,
    };
}

static double sum_of(const od_device *device, int i) {
    double sum = 0;
    for (int b = 0; b < OD_CPU_BLOCKS; b++) {
        sum += device->partials[b].sums[i];
    }
    return sum;
}

void od_cpu_pattern_forward(od_device *device, float *y, float *coef, float *stats, const float *x,
                            const float *f, int64_t rows, int64_t n,
                            const od_pattern_options *options) {
    od_cpu_pattern_args args = args_of(options, n);
    args.x = x;
    args.f = f;
    args.y = y;
    args.coef = coef;
    od_cpu_partial *partials = device->partials;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(OD_CPU_BLOCKS, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            partials[b] = (od_cpu_partial){{0}};
            device->loops->pattern_forward(&args, block_begin(rows, b), block_begin(rows, b + 1),
                                           stats != NULL ? partials[b].sums : NULL);
        }
    }
    for (int i = 0; stats != NULL && i < OD_PATTERN_STATS; i++) {
        stats[i] = (float)(sum_of(device, i) / (double)rows);
    }
    if (stats != NULL) {
        stats[OD_PATTERN_STAT_SCALAR] = scalar_of(options);
    }
}

void od_cpu_pattern_backward(od_device *device, float *dx, float *df, float *dscalar,
                             const float *g, const float *x, const float *f, const float *coef,
                             int64_t rows, int64_t n, const od_pattern_options *options,
                             bool accumulate_dx) {
    od_cpu_pattern_args args = args_of(options, n);
    args.g = g;
    args.x = x;
    args.f = f;
    args.coef = (float *)(uintptr_t)coef; // backward only reads it
    args.dx = dx;
    args.df = df;
    args.accumulate_dx = accumulate_dx;
    od_cpu_partial *partials = device->partials;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(OD_CPU_BLOCKS, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            partials[b].sums[0] = device->loops->pattern_backward(&args, block_begin(rows, b),
                                                                  block_begin(rows, b + 1));
        }
    }
    if (dscalar != NULL) {
        *dscalar += (float)sum_of(device, 0);
    }
}
