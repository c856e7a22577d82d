// SPDX-License-Identifier: Apache-2.0
// Dropping and noise: what a value becomes depends on its index alone, and so not on the threads.
#include "core/backend/cpu/cpu.h"

// This thread's share of whole groups, which are few: it draws for all of them and writes its own.
static void drop_groups(float *y, const float *x, int64_t count, int64_t group, float rate,
                        const od_philox *draws) {
    const float factor = 1.0f / (1.0f - rate);
    const od_cpu_share my = od_cpu_my_share(count, group);
    od_philox stream = *draws;
    for (int64_t begin = 0; begin < my.end; begin += group) {
        const bool kept = od_philox_uniform(&stream) >= rate;
        const int64_t end = begin + group < my.end ? begin + group : my.end;
        for (int64_t i = begin; begin >= my.begin && i < end; i++) {
            y[i] = kept ? x[i] * factor : 0;
        }
    }
}

void od_cpu_drop(od_device *device, float *y, const float *x, int64_t count, int64_t group,
                 float rate, const od_philox *draws) {
#pragma omp parallel num_threads(device->threads)
    {
        if (group > 1) {
            drop_groups(y, x, count, group, rate, draws);
        } else {
            od_cpu_share my = od_cpu_my_share(count, OD_CPU_DRAWS);
            device->loops->drop(y, x, my.begin, my.end, rate, draws);
        }
    }
}

void od_cpu_add_noise(od_device *device, float *y, const float *x, int64_t count, float scale,
                      const od_philox *draws) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(count, OD_CPU_DRAWS);
        device->loops->add_noise(y, x, my.begin, my.end, scale, draws);
    }
}
