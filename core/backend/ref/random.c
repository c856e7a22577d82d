// SPDX-License-Identifier: Apache-2.0
// Dropping and noise, draw by draw.
#include "core/backend/ref/ref.h"

#include <math.h>

void od_ref_drop(od_device *device, float *y, const float *x, int64_t count, int64_t group,
                 float rate, const od_philox *draws) {
    (void)device;
    od_philox stream = *draws;
    for (int64_t begin = 0; begin < count; begin += group) {
        bool kept = od_philox_uniform(&stream) >= rate;
        for (int64_t i = begin; i < begin + group && i < count; i++) {
            y[i] = kept ? (float)((double)x[i] / (1 - (double)rate)) : 0;
        }
    }
}

void od_ref_add_noise(od_device *device, float *y, const float *x, int64_t count, float scale,
                      const od_philox *draws) {
    (void)device;
    od_philox stream = *draws;
    for (int64_t i = 0; i < count; i += 2) {
        double radius = sqrt(-2 * log(((double)od_philox_next(&stream) + 1) * 0x1p-32));
        double angle = 2 * M_PI * (double)od_philox_next(&stream) * 0x1p-32;
        y[i] = (float)((double)x[i] + (double)scale * radius * cos(angle));
        if (i + 1 < count) {
            y[i + 1] = (float)((double)x[i + 1] + (double)scale * radius * sin(angle));
        }
    }
}
