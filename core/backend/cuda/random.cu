// SPDX-License-Identifier: Apache-2.0
// Dropping and noise: a thread a value, or a pair of values, with the Philox block it needs.
#include "core/backend/cuda/launch.cuh"

typedef struct philox_words {
    uint32_t at[4];
} philox_words;

// Block number `block` of the stream, as od_philox_block has it.
__device__ static philox_words philox_block(od_philox draws, int64_t block) {
    uint32_t c0 = (uint32_t)block, c1 = draws.counter[1];
    uint32_t c2 = draws.counter[2], c3 = draws.counter[3];
    uint32_t k0 = draws.key[0], k1 = draws.key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t even = (uint64_t)0xD2511F53 * c0;
        uint64_t odd = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(odd >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)odd;
        c2 = (uint32_t)(even >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)even;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return philox_words{{c0, c1, c2, c3}};
}

__global__ static void drop_kernel(float *y, const float *x, int64_t count, int64_t group,
                                   float rate, od_philox draws) {
    const float factor = 1.0f / (1.0f - rate);
    FOR_ITEMS(i, count) {
        int64_t draw = i / group;
        uint32_t word = philox_block(draws, draw / 4).at[draw % 4];
        y[i] = (float)(word >> 8) * 0x1p-24f >= rate ? x[i] * factor : 0.0f;
    }
}

__global__ static void add_noise_kernel(float *y, const float *x, int64_t count, float scale,
                                        od_philox draws) {
    const double two_pi = 6.283185307179586;
    FOR_ITEMS(pair, (count + 1) / 2) {
        philox_words words = philox_block(draws, pair / 2);
        uint32_t first = words.at[pair % 2 * 2];
        uint32_t second = words.at[pair % 2 * 2 + 1];
        double radius = (double)scale * sqrt(-2.0 * log(((double)first + 1.0) * 0x1p-32));
        double angle = two_pi * 0x1p-32 * (double)second;
        y[2 * pair] = x[2 * pair] + (float)(radius * cos(angle));
        if (2 * pair + 1 < count) {
            y[2 * pair + 1] = x[2 * pair + 1] + (float)(radius * sin(angle));
        }
    }
}

void od_cuda_drop(od_device *device, float *y, const float *x, int64_t count, int64_t group,
                  float rate, const od_philox *draws) {
    const od_philox by_value = *draws;
    OD_RUN(drop_kernel, blocks_for_items(count), device, y, x, count, group, rate, by_value);
}

void od_cuda_add_noise(od_device *device, float *y, const float *x, int64_t count, float scale,
                       const od_philox *draws) {
    const od_philox by_value = *draws;
    OD_RUN(add_noise_kernel, blocks_for_items((count + 1) / 2), device, y, x, count, scale,
           by_value);
}
