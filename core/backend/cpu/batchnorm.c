// SPDX-License-Identifier: Apache-2.0
// Batch norm: column sums go over blocks of rows, which threads share; the blocks are added up in
// float64 in their order, so that no sum depends on the number of threads.
#include "core/backend/cpu/cpu.h"

#include <math.h>

enum { BLOCK_ROWS = 256, SUMS = 2 };

static int64_t block_count(const od_batchnorm *norm) {
    return (norm->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

static int64_t block_end(const od_batchnorm *norm, int64_t block) {
    const int64_t end = (block + 1) * BLOCK_ROWS;
    return end < norm->rows ? end : norm->rows;
}

// Room for two sums a column and block, and for two more a column behind them.
static float *sums_scratch(od_device *device, const od_batchnorm *norm) {
    return od_cpu_shared_scratch(device, (size_t)((block_count(norm) + 1) * SUMS * norm->n));
}

// Mean and sum of squares about it, from those of the blocks.
static void merge_moments(const od_batchnorm *norm, const float *sums, int64_t c, double *mean,
                          double *squares) {
    const int64_t blocks = block_count(norm), n = norm->n;
    double sum = 0;
    for (int64_t b = 0; b < blocks; b++) {
        sum += (double)sums[b * SUMS * n + c];
    }
    *mean = sum / (double)norm->rows;
    *squares = 0;
    for (int64_t b = 0; b < blocks; b++) {
        const double rows = (double)(block_end(norm, b) - b * BLOCK_ROWS);
        const double off = (double)sums[b * SUMS * n + c] / rows - *mean;
        *squares += (double)sums[(b * SUMS + 1) * n + c] + rows * off * off;
    }
}

static float moved(float running, double now, float momentum) {
    return (float)((1 - (double)momentum) * (double)running + (double)momentum * now);
}

void od_cpu_batchnorm_forward(od_device *device, float *y, float *mean, float *rstd,
                              float *running_mean, float *running_var, const float *x,
                              const float *gamma, const float *beta, const od_batchnorm *norm) {
    const int64_t n = norm->n, rows = norm->rows;
    float *sums = sums_scratch(device, norm);
    if (sums == NULL) {
        return;
    }
    const od_cpu_batchnorm_args args = {x, mean, rstd, gamma, beta, n, norm->relu};
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share blocks = od_cpu_my_share(block_count(norm), 1);
        for (int64_t b = blocks.begin; b < blocks.end; b++) {
            device->loops->batchnorm_moments(sums + b * SUMS * n, sums + (b * SUMS + 1) * n,
                                             x + b * BLOCK_ROWS * n,
                                             block_end(norm, b) - b * BLOCK_ROWS, n);
        }
#pragma omp barrier
        const od_cpu_share channels = od_cpu_my_share(n, 1);
        for (int64_t c = channels.begin; c < channels.end; c++) {
            double center, squares;
            merge_moments(norm, sums, c, &center, &squares);
            mean[c] = (float)center;
            rstd[c] = (float)(1 / sqrt(squares / (double)rows + (double)norm->eps));
            if (running_mean != NULL) {
                const double unbiased = squares / (double)(rows > 1 ? rows - 1 : 1);
                running_mean[c] = moved(running_mean[c], center, norm->momentum);
                running_var[c] = moved(running_var[c], unbiased, norm->momentum);
            }
        }
#pragma omp barrier
        const od_cpu_share my = od_cpu_my_share(rows, 1);
        device->loops->batchnorm_forward(y, &args, my.begin, my.end);
    }
}

void od_cpu_batchnorm_evaluate(od_device *device, float *y, const float *x,
                               const float *running_mean, const float *running_var,
                               const float *gamma, const float *beta, const od_batchnorm *norm) {
    float *rstd = od_cpu_shared_scratch(device, (size_t)norm->n);
    if (rstd == NULL) {
        return;
    }
    for (int64_t c = 0; c < norm->n; c++) {
        rstd[c] = (float)(1 / sqrt((double)running_var[c] + (double)norm->eps));
    }
    const od_cpu_batchnorm_args args = {x, running_mean, rstd, gamma, beta, norm->n, norm->relu};
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share my = od_cpu_my_share(norm->rows, 1);
        device->loops->batchnorm_forward(y, &args, my.begin, my.end);
    }
}

// Adds the blocks of column c to dgamma and dbeta and keeps the means of both behind the blocks.
static void merge_gradients(const od_batchnorm *norm, float *sums, int64_t c, float *dgamma,
                            float *dbeta) {
    const int64_t blocks = block_count(norm), n = norm->n;
    double sum_d = 0, sum_dh = 0;
    for (int64_t b = 0; b < blocks; b++) {
        sum_d += (double)sums[b * SUMS * n + c];
        sum_dh += (double)sums[(b * SUMS + 1) * n + c];
    }
    dbeta[c] = (float)((double)dbeta[c] + sum_d);
    dgamma[c] = (float)((double)dgamma[c] + sum_dh);
    sums[blocks * SUMS * n + c] = (float)(sum_d / (double)norm->rows);
    sums[(blocks * SUMS + 1) * n + c] = (float)(sum_dh / (double)norm->rows);
}

void od_cpu_batchnorm_backward(od_device *device, float *dx, float *dgamma, float *dbeta,
                               const float *dy, const float *x, const float *mean,
                               const float *rstd, const float *gamma, const float *beta,
                               const od_batchnorm *norm, bool accumulate_dx) {
    const int64_t n = norm->n;
    float *sums = sums_scratch(device, norm);
    if (sums == NULL) {
        return;
    }
    const float *means = sums + block_count(norm) * SUMS * n;
    const od_cpu_batchnorm_args args = {x, mean, rstd, gamma, beta, n, norm->relu};
#pragma omp parallel num_threads(device->threads)
    {
        const od_cpu_share blocks = od_cpu_my_share(block_count(norm), 1);
        for (int64_t b = blocks.begin; b < blocks.end; b++) {
            device->loops->batchnorm_sums(sums + b * SUMS * n, sums + (b * SUMS + 1) * n, dy, &args,
                                          b * BLOCK_ROWS, block_end(norm, b));
        }
#pragma omp barrier
        const od_cpu_share channels = od_cpu_my_share(n, 1);
        for (int64_t c = channels.begin; c < channels.end; c++) {
            merge_gradients(norm, sums, c, dgamma, dbeta);
        }
#pragma omp barrier
        const od_cpu_share my = od_cpu_my_share(norm->rows, 1);
        device->loops->batchnorm_backward(dx, dy, means, means + n, &args, my.begin, my.end,
                                          accumulate_dx);
    }
}
