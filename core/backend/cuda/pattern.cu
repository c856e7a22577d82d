// SPDX-License-Identifier: Apache-2.0
// Connections with a pattern, a warp a row. The learnable scalar is read where it lies.
#include "core/backend/cuda/launch.cuh"

#include "core/backend/pattern.h"

// The options and, once a thread has read the scalar, the numbers that follow.
__device__ static od_pattern_terms terms_of(od_pattern_options options) {
    double a = options.scalar != NULL ? (double)*options.scalar : 0.0;
    return od_pattern_terms_of(options.connection, options.pattern, a);
}

// The sum of doubles over the warp, each shuffled as two floats.
__device__ static double warp_sum_wide(double value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        float high = (float)value;
        float low = (float)(value - (double)high);
        double mine = (double)high + (double)low;
        value = mine + ((double)__shfl_xor_sync(0xffffffffu, high, distance) +
                        (double)__shfl_xor_sync(0xffffffffu, low, distance));
    }
    return value;
}

// y holds u where the pattern has one. In float64, as the part across x times x cancels.
__device__ static void pattern_stats_of_row(float *stats, const od_pattern_terms *terms,
                                            const float *y, const float *x, const float *f,
                                            int64_t n, float eps) {
    double xx = 0.0;
    double xf = 0.0;
    FOR_LANE(i, n) {
        xx += (double)x[i] * (double)x[i];
        xf += (double)x[i] * (double)f[i];
    }
    od_pattern_sums mine = {0, 0, 0, 0, 0, 0, 0, 0};
    od_pattern_sums row;
    row.norm2 = od_pattern_norm2(terms, warp_sum_wide(xx), eps);
    double s = warp_sum_wide(xf) / row.norm2;
    FOR_LANE(i, n) {
        od_pattern_add(&mine, terms, s, x[i], f[i], terms->has_u ? y[i] : 0.0);
    }
    row.par = warp_sum_wide(mine.par);
    row.ortho = warp_sum_wide(mine.ortho);
    row.in = warp_sum_wide(mine.in);
    row.dot = warp_sum_wide(mine.dot);
    row.par_raw = warp_sum_wide(mine.par_raw);
    row.ortho_raw = warp_sum_wide(mine.ortho_raw);
    row.scaled = warp_sum_wide(mine.scaled);
    if (threadIdx.x % WARP == 0) {
        double out[OD_PATTERN_STATS] = {0};
        od_pattern_add_row(out, &row, eps);
        for (int k = 0; k < OD_PATTERN_STATS; k++) {
            stats[k] = (float)out[k];
        }
    }
}

__global__ static void pattern_forward_kernel(float *y, float *coef, float *row_stats,
                                              const float *x, const float *f, int64_t rows,
                                              int64_t n, od_pattern_options options) {
    const od_pattern_terms terms = terms_of(options);
    FOR_ROWS(row, rows) {
        const float *x_row = x + row * n;
        const float *f_row = f + row * n;
        float *y_row = y + row * n;
        float xx = 0.0f;
        float xf = 0.0f;
        FOR_LANE(i, n) {
            xx += x_row[i] * x_row[i];
            xf += x_row[i] * f_row[i];
        }
        xx = warp_sum(xx);
        xf = warp_sum(xf);
        float norm2 = (float)od_pattern_norm2(&terms, xx, options.eps);
        float s = xf / norm2;
        if (threadIdx.x % WARP == 0) {
            coef[2 * row] = s;
            coef[2 * row + 1] = 1.0f / norm2;
        }
        if (row_stats != NULL) {
            pattern_stats_of_row(row_stats + row * OD_PATTERN_STATS, &terms, y_row, x_row, f_row, n,
                                 options.eps);
        }
        float along = (float)terms.p + (float)terms.r * s;
        FOR_LANE(i, n) {
            float value = along * x_row[i] + (float)terms.q * f_row[i];
            y_row[i] = terms.has_u ? y_row[i] + value : value;
        }
    }
}

__global__ static void mean_pattern_stats_kernel(float *stats, const float *row_stats, int64_t rows,
                                                 const float *scalar) {
    __shared__ double sums[THREADS];
    for (int k = 0; k < OD_PATTERN_STATS; k++) {
        double sum = 0.0;
        for (int64_t row = threadIdx.x; row < rows; row += THREADS) {
            sum += row_stats[row * OD_PATTERN_STATS + k];
        }
        sums[threadIdx.x] = sum;
        __syncthreads();
        if (threadIdx.x == 0) {
            for (int i = 1; i < THREADS; i++) {
                sum += sums[i];
            }
            stats[k] = (float)(sum / (double)rows);
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        stats[OD_PATTERN_STAT_SCALAR] = scalar != NULL ? *scalar : 0.0f;
    }
}

// dx may be g: a lane reads and writes its own values only, after the sums over the row.
__global__ static void pattern_backward_kernel(float *dx, float *df, float *row_scalar,
                                               const float *g, const float *x, const float *f,
                                               const float *coef, int64_t rows, int64_t n,
                                               od_pattern_options options, bool accumulate) {
    const od_pattern_terms terms = terms_of(options);
    const float p = (float)terms.p;
    const float q = (float)terms.q;
    const float r = (float)terms.r;
    FOR_ROWS(row, rows) {
        int64_t start = row * n;
        float gx = 0.0f;
        float gf = 0.0f;
        FOR_LANE(i, n) {
            gx += g[start + i] * x[start + i];
            gf += g[start + i] * f[start + i];
        }
        gx = warp_sum(gx);
        gf = warp_sum(gf);
        float s = coef[2 * row];
        float inverse = coef[2 * row + 1];
        bool clamped = !terms.orthogonal && inverse >= 1.0f / options.eps;
        float rb = r * gx * inverse;
        float from_g = p + r * s;
        float from_x = clamped ? 0.0f : -2.0f * s * rb;
        FOR_LANE(i, n) {
            int64_t at = start + i;
            float gradient = g[at];
            float value = from_g * gradient + rb * f[at] + from_x * x[at];
            df[at] = q * gradient + rb * x[at];
            dx[at] = accumulate ? dx[at] + value : value;
        }
        if (row_scalar != NULL && threadIdx.x % WARP == 0) {
            row_scalar[row] = (float)(terms.dp * gx + terms.dq * gf + terms.dr * s * gx);
        }
    }
}

__global__ static void add_rows_kernel(float *sum, const float *row_values, int64_t rows) {
    __shared__ double sums[THREADS];
    double mine = 0.0;
    for (int64_t row = threadIdx.x; row < rows; row += THREADS) {
        mine += row_values[row];
    }
    sums[threadIdx.x] = mine;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int i = 1; i < THREADS; i++) {
            mine += sums[i];
        }
        *sum += (float)mine;
    }
}

void od_cuda_pattern_forward(od_device *device, float *y, float *coef, float *stats, const float *x,
                             const float *f, int64_t rows, int64_t n,
                             const od_pattern_options *options) {
    const od_pattern_options by_value = *options;
    float *row_stats = NULL;
    if (stats != NULL) {
        size_t bytes = (size_t)rows * OD_PATTERN_STATS * sizeof(float);
        row_stats = (float *)od_cuda_scratch(device, bytes);
    }
    OD_RUN(pattern_forward_kernel, blocks_for_rows(rows), device, y, coef, row_stats, x, f, rows, n,
           by_value);
    if (stats != NULL) {
        OD_RUN(mean_pattern_stats_kernel, 1, device, stats, row_stats, rows, by_value.scalar);
    }
}

void od_cuda_pattern_backward(od_device *device, float *dx, float *df, float *dscalar,
                              const float *g, const float *x, const float *f, const float *coef,
                              int64_t rows, int64_t n, const od_pattern_options *options,
                              bool accumulate_dx) {
    const od_pattern_options by_value = *options;
    float *row_scalar = NULL;
    if (dscalar != NULL) {
        row_scalar = (float *)od_cuda_scratch(device, (size_t)rows * sizeof(float));
    }
    OD_RUN(pattern_backward_kernel, blocks_for_rows(rows), device, dx, df, row_scalar, g, x, f, coef,
           rows, n, by_value, accumulate_dx);
    if (dscalar != NULL) {
        OD_RUN(add_rows_kernel, 1, device, dscalar, row_scalar, rows);
    }
}
