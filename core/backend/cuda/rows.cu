// SPDX-License-Identifier: Apache-2.0
// A warp a row: the residual connection, LayerNorm, and both in one pass.
#include "core/backend/cuda/launch.cuh"

enum { NORM_CHUNKS = 128 };

typedef struct row_norm {
    float mean, rstd;
} row_norm;

// Mean first, then the squared deviations: the two-pass form loses nothing to cancellation.
__device__ static row_norm norm_of_row(const float *x, int64_t n, float eps) {
    float sum = 0.0f;
    FOR_LANE(i, n) {
        sum += x[i];
    }
    row_norm norm;
    norm.mean = warp_sum(sum) / (float)n;
    float squares = 0.0f;
    FOR_LANE(i, n) {
        float deviation = x[i] - norm.mean;
        squares += deviation * deviation;
    }
    norm.rstd = 1.0f / sqrtf(warp_sum(squares) / (float)n + eps);
    return norm;
}

__global__ static void layernorm_forward_kernel(float *y, float *mean, float *rstd, const float *x,
                                                const float *gamma, const float *beta,
                                                int64_t rows, int64_t n, float eps) {
    FOR_ROWS(row, rows) {
        row_norm norm = norm_of_row(x + row * n, n, eps);
        FOR_LANE(i, n) {
            float h = (x[row * n + i] - norm.mean) * norm.rstd;
            y[row * n + i] = gamma != NULL ? h * gamma[i] + beta[i] : h;
        }
        if (threadIdx.x % WARP == 0) {
            mean[row] = norm.mean;
            rstd[row] = norm.rstd;
        }
    }
}

__global__ static void layernorm_backward_kernel(float *dx, const float *dy, const float *x,
                                                 const float *mean, const float *rstd,
                                                 const float *gamma, int64_t rows, int64_t n,
                                                 bool accumulate) {
    FOR_ROWS(row, rows) {
        const float *dy_row = dy + row * n;
        const float *x_row = x + row * n;
        float sum_d = 0.0f;
        float sum_dh = 0.0f;
        FOR_LANE(i, n) {
            float d = gamma != NULL ? dy_row[i] * gamma[i] : dy_row[i];
            sum_d += d;
            sum_dh += d * (x_row[i] - mean[row]) * rstd[row];
        }
        float mean_d = warp_sum(sum_d) / (float)n;
        float mean_dh = warp_sum(sum_dh) / (float)n;
        FOR_LANE(i, n) {
            float d = gamma != NULL ? dy_row[i] * gamma[i] : dy_row[i];
            float h = (x_row[i] - mean[row]) * rstd[row];
            float value = rstd[row] * (d - mean_d - h * mean_dh);
            dx[row * n + i] = accumulate ? dx[row * n + i] + value : value;
        }
    }
}

// partial[chunk, 0, column] = sum of the chunk's dy h, partial[chunk, 1, column] = sum of its dy.
__global__ static void norm_partials_kernel(float *partial, const float *dy, const float *x,
                                            const float *mean, const float *rstd, int64_t rows,
                                            int64_t n, int64_t chunk_rows) {
    int64_t first = blockIdx.y * chunk_rows;
    int64_t last = first + chunk_rows < rows ? first + chunk_rows : rows;
    FOR_ITEMS(column, n) {
        float gamma_sum = 0.0f;
        float beta_sum = 0.0f;
        for (int64_t row = first; row < last; row++) {
            float d = dy[row * n + column];
            gamma_sum += d * (x[row * n + column] - mean[row]) * rstd[row];
            beta_sum += d;
        }
        partial[(2 * blockIdx.y) * n + column] = gamma_sum;
        partial[(2 * blockIdx.y + 1) * n + column] = beta_sum;
    }
}

__global__ static void norm_total_kernel(float *dgamma, float *dbeta, const float *partial,
                                         int64_t chunks, int64_t n) {
    FOR_ITEMS(column, n) {
        float gamma_sum = 0.0f;
        float beta_sum = 0.0f;
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
            gamma_sum += partial[(2 * chunk) * n + column];
            beta_sum += partial[(2 * chunk + 1) * n + column];
        }
        dgamma[column] += gamma_sum;
        dbeta[column] += beta_sum;
    }
}

typedef struct row_products {
    float xx, xf, ff;
} row_products;

__device__ static row_products products_of_row(const float *x, const float *f, int64_t n) {
    row_products sums = {0.0f, 0.0f, 0.0f};
    FOR_LANE(i, n) {
        sums.xx += x[i] * x[i];
        sums.xf += x[i] * f[i];
        sums.ff += f[i] * f[i];
    }
    sums.xx = warp_sum(sums.xx);
    sums.xf = warp_sum(sums.xf);
    sums.ff = warp_sum(sums.ff);
    return sums;
}

// The six statistics of one row (see OD_CONNECT_STATS); a second pass gives ||f - s x||^2 without
// the cancellation of ff - s xf.
__device__ static void stats_of_row(float *stats, const float *x, const float *f, int64_t n,
                                    row_products products, float norm2, float eps) {
    float s = products.xf / norm2;
    float par = 0.0f;
    float ortho = 0.0f;
    FOR_LANE(i, n) {
        float along = s * x[i];
        float across = f[i] - along;
        par += along * along;
        ortho += across * across;
    }
    par = fmaxf(warp_sum(par), eps);
    ortho = fmaxf(warp_sum(ortho), eps);
    if (threadIdx.x % WARP == 0) {
        stats[0] = norm2;
        stats[1] = par;
        stats[2] = ortho;
        stats[3] = par / norm2;
        stats[4] = ortho / norm2;
        stats[5] = products.xf / sqrtf(norm2 * fmaxf(products.ff, eps));
    }
}

// Writes y, and coef and row_stats where wanted.
__device__ static void connect_row(float *y, float *coef, float *row_stats, const float *x,
                                   const float *f, int64_t n, od_connection connection, float eps) {
    bool orthogonal = connection == OD_CONNECT_ORTHOGONAL;
    float s = 0.0f;
    if (orthogonal || row_stats != NULL) {
        row_products products = products_of_row(x, f, n);
        float norm2 = orthogonal ? products.xx + eps : fmaxf(products.xx, eps);
        if (orthogonal) {
            s = products.xf / norm2;
            if (threadIdx.x % WARP == 0) {
                coef[0] = s;
                coef[1] = 1.0f / norm2;
            }
        }
        if (row_stats != NULL) {
            stats_of_row(row_stats, x, f, n, products, norm2, eps);
        }
    }
    float sign = connection == OD_CONNECT_NEGATIVE ? -1.0f : 1.0f;
    FOR_LANE(i, n) {
        y[i] = orthogonal ? x[i] + (f[i] - s * x[i]) : x[i] + sign * f[i];
    }
}

// z, mean and rstd are NULL when no LayerNorm follows. A lane reads only the y it wrote itself.
__global__ static void connect_forward_kernel(float *y, float *z, float *mean, float *rstd,
                                              float *coef, float *row_stats, const float *x,
                                              const float *f, int64_t rows, int64_t n,
                                              od_connection connection, float eps,
                                              float norm_eps) {
    FOR_ROWS(row, rows) {
        float *y_row = y + row * n;
        connect_row(y_row, coef + 2 * row,
                    row_stats != NULL ? row_stats + row * OD_CONNECT_STATS : NULL, x + row * n,
                    f + row * n, n, connection, eps);
        if (z != NULL) {
            row_norm norm = norm_of_row(y_row, n, norm_eps);
            FOR_LANE(i, n) {
                z[row * n + i] = (y_row[i] - norm.mean) * norm.rstd;
            }
            if (threadIdx.x % WARP == 0) {
                mean[row] = norm.mean;
                rstd[row] = norm.rstd;
            }
        }
    }
}

__global__ static void mean_stats_kernel(float *stats, const float *row_stats, int64_t rows) {
    __shared__ double sums[THREADS];
    for (int k = 0; k < OD_CONNECT_STATS; k++) {
        double sum = 0.0;
        for (int64_t row = threadIdx.x; row < rows; row += THREADS) {
            sum += row_stats[row * OD_CONNECT_STATS + k];
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
}

// dx may be g: a lane reads and writes its own values only, after the sum over the row.
__global__ static void connect_backward_kernel(float *dx, float *df, const float *g,
                                               const float *x, const float *f, const float *coef,
                                               int64_t rows, int64_t n, od_connection connection,
                                               bool accumulate) {
    FOR_ROWS(row, rows) {
        int64_t start = row * n;
        float s = 0.0f;
        float a = 0.0f;
        if (connection == OD_CONNECT_ORTHOGONAL) {
            float gx = 0.0f;
            FOR_LANE(i, n) {
                gx += g[start + i] * x[start + i];
            }
            s = coef[2 * row];
            a = warp_sum(gx) * coef[2 * row + 1];
        }
        float sign = connection == OD_CONNECT_NEGATIVE ? -1.0f : 1.0f;
        FOR_LANE(i, n) {
            int64_t at = start + i;
            float gradient = g[at];
            float value = gradient;
            if (connection == OD_CONNECT_ORTHOGONAL) {
                df[at] = gradient - a * x[at];
                value = gradient - s * gradient - a * f[at] + 2.0f * s * a * x[at];
            } else {
                df[at] = sign * gradient;
            }
            dx[at] = accumulate ? dx[at] + value : value;
        }
    }
}

void od_cuda_layernorm_forward(od_device *device, float *y, float *mean, float *rstd,
                               const float *x, const float *gamma, const float *beta, int64_t rows,
                               int64_t n, float eps) {
    OD_RUN(layernorm_forward_kernel, blocks_for_rows(rows), device, y, mean, rstd, x, gamma, beta,
           rows, n, eps);
}

void od_cuda_layernorm_backward(od_device *device, float *dx, float *dgamma, float *dbeta,
                                const float *dy, const float *x, const float *mean,
                                const float *rstd, const float *gamma, int64_t rows, int64_t n,
                                bool accumulate_dx) {
    OD_RUN(layernorm_backward_kernel, blocks_for_rows(rows), device, dx, dy, x, mean, rstd, gamma,
           rows, n, accumulate_dx);
    if (gamma == NULL) {
        return;
    }
    int64_t chunks = at_most(rows, NORM_CHUNKS);
    int64_t chunk_rows = (rows + chunks - 1) / chunks;
    float *partial = (float *)od_cuda_scratch(device, (size_t)(2 * chunks * n) * sizeof(float));
    dim3 grid(blocks_for_items(n), (unsigned)chunks);
    OD_RUN(norm_partials_kernel, grid, device, partial, dy, x, mean, rstd, rows, n, chunk_rows);
    OD_RUN(norm_total_kernel, blocks_for_items(n), device, dgamma, dbeta, partial, chunks, n);
}

static void connect_forward(od_device *device, float *y, float *z, float *mean, float *rstd,
                            float *coef, float *stats, const float *x, const float *f,
                            int64_t rows, int64_t n, od_connection connection, float eps,
                            float norm_eps) {
    float *row_stats = NULL;
    if (stats != NULL) {
        size_t bytes = (size_t)rows * OD_CONNECT_STATS * sizeof(float);
        row_stats = (float *)od_cuda_scratch(device, bytes);
    }
    OD_RUN(connect_forward_kernel, blocks_for_rows(rows), device, y, z, mean, rstd, coef,
           row_stats, x, f, rows, n, connection, eps, norm_eps);
    if (stats != NULL) {
        OD_RUN(mean_stats_kernel, 1, device, stats, row_stats, rows);
    }
}

void od_cuda_connect_forward(od_device *device, float *y, float *coef, float *stats,
                             const float *x, const float *f, int64_t rows, int64_t n,
                             od_connection connection, float eps) {
    connect_forward(device, y, NULL, NULL, NULL, coef, stats, x, f, rows, n, connection, eps,
                    0.0f);
}

void od_cuda_connect_layernorm_forward(od_device *device, float *y, float *z, float *mean,
                                       float *rstd, float *coef, float *stats, const float *x,
                                       const float *f, int64_t rows, int64_t n,
                                       od_connection connection, float eps, float norm_eps) {
    connect_forward(device, y, z, mean, rstd, coef, stats, x, f, rows, n, connection, eps,
                    norm_eps);
}

void od_cuda_connect_backward(od_device *device, float *dx, float *df, const float *g,
                              const float *x, const float *f, const float *coef, int64_t rows,
                              int64_t n, od_connection connection, bool accumulate_dx) {
    OD_RUN(connect_backward_kernel, blocks_for_rows(rows), device, dx, df, g, x, f, coef, rows, n,
           connection, accumulate_dx);
}
