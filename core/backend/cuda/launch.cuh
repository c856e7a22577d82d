// SPDX-License-Identifier: Apache-2.0
// What all kernels share: how they are launched, and sums over the 32 lanes of a warp.
#ifndef OD_CORE_BACKEND_CUDA_LAUNCH_CUH
#define OD_CORE_BACKEND_CUDA_LAUNCH_CUH

#include "core/backend/cuda/cuda.h"

enum { WARP = 32, WARPS_PER_BLOCK = 4, THREADS = WARP * WARPS_PER_BLOCK, MAX_BLOCKS = 4096 };

// The launch syntax belongs to nvcc; the SIMT shim of the tests has a function of its own.
#ifdef __CUDACC__
#define OD_LAUNCH(kernel, blocks, threads, device, ...)                                           \
    kernel<<<blocks, threads, 0, (device)->stream>>>(__VA_ARGS__)
#else
#define OD_LAUNCH(kernel, blocks, threads, device, ...)                                           \
    simt_launch(blocks, threads, [=] { kernel(__VA_ARGS__); })
#endif

// Launches kernel unless the device has failed, and remembers a failed launch.
#define OD_RUN(kernel, blocks, device, ...)                                                       \
    do {                                                                                          \
        if ((device)->error.status == OD_OK) {                                                    \
            OD_LAUNCH(kernel, blocks, THREADS, device, __VA_ARGS__);                              \
            od_cuda_check(device, cudaGetLastError(), #kernel);                                   \
        }                                                                                         \
    } while (0)

static inline int64_t at_most(int64_t value, int64_t limit) {
    return value < limit ? value : limit;
}

// Enough blocks for one thread an item, and for one warp a row; loops stride over the rest.
static inline unsigned blocks_for_items(int64_t items) {
    return (unsigned)at_most((items + THREADS - 1) / THREADS, MAX_BLOCKS);
}
static inline unsigned blocks_for_rows(int64_t rows) {
    return (unsigned)at_most((rows + WARPS_PER_BLOCK - 1) / WARPS_PER_BLOCK, MAX_BLOCKS);
}

// for (each item of this thread): indices stride over the whole grid.
#define FOR_ITEMS(i, count)                                                                       \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (count);                 \
         i += (int64_t)gridDim.x * blockDim.x)

// for (each row of this warp). All 32 lanes go through the same rows.
#define FOR_ROWS(row, rows)                                                                       \
    for (int64_t row = (int64_t)blockIdx.x * WARPS_PER_BLOCK + threadIdx.x / WARP; row < (rows);  \
         row += (int64_t)gridDim.x * WARPS_PER_BLOCK)

// for (each of n values that belongs to this lane).
#define FOR_LANE(i, n) for (int64_t i = threadIdx.x % WARP; i < (n); i += WARP)

// The sum, or maximum, over the warp, in every lane; a butterfly, so all lanes get the same bits.
__device__ static inline float warp_sum(float value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    }
    return value;
}
__device__ static inline float warp_max(float value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
    }
    return value;
}

#endif
