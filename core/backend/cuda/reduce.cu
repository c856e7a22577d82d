// SPDX-License-Identifier: Apache-2.0
// Sums over rows and over whole buffers, in two stages with a number of partial sums that depends
// on the shape alone: no atomics, the same bits each time.
#include "core/backend/cuda/launch.cuh"

enum { MAX_CHUNKS = 128, ROWS_PER_CHUNK = 64, SQUARE_BLOCKS = 256 };

// partial[chunk, column] = sum of the chunk's rows of x; chunks are blockIdx.y.
__global__ static void column_partials_kernel(float *partial, const float *x, int64_t rows,
                                              int64_t n, int64_t chunk_rows) {
    int64_t first = blockIdx.y * chunk_rows;
    int64_t last = first + chunk_rows < rows ? first + chunk_rows : rows;
    FOR_ITEMS(column, n) {
        float sum = 0.0f;
        for (int64_t row = first; row < last; row++) {
            sum += x[row * n + column];
        }
        partial[blockIdx.y * n + column] = sum;
    }
}

__global__ static void column_total_kernel(float *sums, const float *partial, int64_t chunks,
                                           int64_t n) {
    FOR_ITEMS(column, n) {
        float sum = 0.0f;
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
            sum += partial[chunk * n + column];
        }
        sums[column] += sum;
    }
}

__global__ static void square_partials_kernel(double *partial, const float *x, int64_t count) {
    __shared__ double sums[THREADS];
    double sum = 0.0;
    FOR_ITEMS(i, count) {
        sum += (double)x[i] * x[i];
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            sums[threadIdx.x] += sums[threadIdx.x + half];
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sums[0];
    }
}

__global__ static void square_total_kernel(double *out, const double *partial, int64_t blocks) {
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        double sum = 0.0;
        for (int64_t i = 0; i < blocks; i++) {
            sum += partial[i];
        }
        *out = sum;
    }
}

void od_cuda_column_sums(od_device *device, float *sums, const float *x, int64_t rows, int64_t n) {
    int64_t chunks = at_most((rows + ROWS_PER_CHUNK - 1) / ROWS_PER_CHUNK, MAX_CHUNKS);
    int64_t chunk_rows = (rows + chunks - 1) / chunks;
    float *partial = (float *)od_cuda_scratch(device, (size_t)(chunks * n) * sizeof(float));
    dim3 grid(blocks_for_items(n), (unsigned)chunks);
    OD_RUN(column_partials_kernel, grid, device, partial, x, rows, n, chunk_rows);
    OD_RUN(column_total_kernel, blocks_for_items(n), device, sums, partial, chunks, n);
}

void od_cuda_sum_of_squares(od_device *device, double *out, const float *x, int64_t count) {
    int64_t blocks = at_most(blocks_for_items(count), SQUARE_BLOCKS);
    double *partial = (double *)od_cuda_scratch(device, (size_t)blocks * sizeof(double));
    OD_RUN(square_partials_kernel, (unsigned)blocks, device, partial, x, count);
    OD_RUN(square_total_kernel, 1, device, out, partial, blocks);
}
