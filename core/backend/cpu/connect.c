// SPDX-License-Identifier: Apache-2.0
// Residual connections: rows are shared among threads; statistics are summed block by block, so
// that they do not depend on the number of threads.
#include "core/backend/cpu/cpu.h"

static int64_t block_begin(int64_t rows, int64_t block) {
    return rows * block / OD_CPU_BLOCKS;
}

static void forward(od_device *device, const od_cpu_connect_args *args, int64_t rows) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(rows, 1);
        device->loops->connect_forward(args, my.begin, my.end, NULL);
    }
}

static void forward_with_stats(od_device *device, const od_cpu_connect_args *args, int64_t rows,
                               float *stats) {
    od_cpu_partial *partials = device->partials;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(OD_CPU_BLOCKS, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            partials[b] = (od_cpu_partial){{0}};
            device->loops->connect_forward(args, block_begin(rows, b), block_begin(rows, b + 1),
                                           partials[b].sums);
        }
    }
    for (int i = 0; i < OD_CONNECT_STATS; i++) {
        double sum = 0;
        for (int b = 0; b < OD_CPU_BLOCKS; b++) {
            sum += partials[b].sums[i];
        }
        stats[i] = (float)(sum / (double)rows);
    }
}

static void run(od_device *device, const od_cpu_connect_args *args, int64_t rows, float *stats) {
    if (stats != NULL) {
        forward_with_stats(device, args, rows, stats);
    } else {
        forward(device, args, rows);
    }
}

void od_cpu_connect_forward(od_device *device, float *y, float *coef, float *stats, const float *x,
                            const float *f, int64_t rows, int64_t n, od_connection connection,
                            float eps) {
    od_cpu_connect_args args = {.x = x, .f = f, .n = n, .connection = connection, .eps = eps};
    args.y = y;
    args.coef = coef;
    run(device, &args, rows, stats);
}

void od_cpu_connect_layernorm_forward(od_device *device, float *y, float *z, float *mean,
                                      float *rstd, float *coef, float *stats, const float *x,
                                      const float *f, int64_t rows, int64_t n,
                                      od_connection connection, float eps, float norm_eps) {
    od_cpu_connect_args args = {.x = x, .f = f, .n = n, .connection = connection, .eps = eps};
    args.y = y;
    args.coef = coef;
    args.z = z;
    args.mean = mean;
    args.rstd = rstd;
    args.norm_eps = norm_eps;
    run(device, &args, rows, stats);
}

void od_cpu_connect_backward(od_device *device, float *dx, float *df, const float *g,
                             const float *x, const float *f, const float *coef, int64_t rows,
                             int64_t n, od_connection connection, bool accumulate_dx) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(rows, 1);
        device->loops->connect_backward(dx, df, g, x, f, coef, my.begin, my.end, n, connection,
                                        accumulate_dx);
    }
}
