// SPDX-License-Identifier: Apache-2.0
// What happens to the flat buffers of parameters and gradients.
#include "core/backend/cpu/cpu.h"

#include <math.h>

enum { VALUES = 64 };

void od_cpu_sum_of_squares(od_device *device, double *out, const float *x, int64_t count) {
    od_cpu_partial *partials = device->partials;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(OD_CPU_BLOCKS, 1);
        for (int64_t b = my.begin; b < my.end; b++) {
            int64_t begin = count / OD_CPU_BLOCKS * b;
            int64_t end = b + 1 < OD_CPU_BLOCKS ? begin + count / OD_CPU_BLOCKS : count;
            partials[b].sums[0] = device->loops->sum_of_squares(x + begin, end - begin);
        }
    }
    double sum = 0;
    for (int b = 0; b < OD_CPU_BLOCKS; b++) {
        sum += partials[b].sums[0];
    }
    *out = sum;
}

void od_cpu_scale(od_device *device, float *x, float factor, int64_t count) {
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(count, VALUES);
        device->loops->scale(x + my.begin, factor, my.end - my.begin);
    }
}

void od_cpu_adam(od_device *device, float *p, float *m, float *v, const float *g, int64_t count,
                 const od_adam_options *options) {
    double correction1 = 1 - pow(options->beta1, (double)options->step);
    double correction2 = 1 - pow(options->beta2, (double)options->step);
    double decay = options->weight_decay;
    od_cpu_adam_factors c = {
        .keep1 = (float)options->beta1,
        .take1 = (float)(1 - options->beta1),
        .keep2 = (float)options->beta2,
        .take2 = (float)(1 - options->beta2),
        .rate = (float)(options->lr / correction1),
        .root = (float)(1 / sqrt(correction2)),
        .eps = (float)options->eps,
        .l2 = (float)(options->decoupled ? 0 : decay),
        .shrink = (float)(options->decoupled ? 1 - options->lr * decay : 1),
    };
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(count, VALUES);
        device->loops->adam(p + my.begin, m + my.begin, v + my.begin, g + my.begin,
                            my.end - my.begin, &c);
    }
}

void od_cpu_sgd(od_device *device, float *p, float *v, const float *g, int64_t count,
                const od_sgd_options *options) {
    // The first update must not read v: 0 times what is there could be NaN.
    float momentum = (float)options->momentum;
#pragma omp parallel num_threads(device->threads)
    {
        od_cpu_share my = od_cpu_my_share(count, VALUES);
        device->loops->sgd(p + my.begin, v + my.begin, g + my.begin, my.end - my.begin,
                           (float)options->lr, options->first ? NULL : &momentum,
                           (float)options->weight_decay);
    }
}
