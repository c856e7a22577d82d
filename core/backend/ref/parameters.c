// SPDX-License-Identifier: Apache-2.0
// What happens to parameters and gradients: norm, scaling, optimizers.
#include "core/backend/ref/ref.h"

#include <math.h>

void od_ref_sum_of_squares(od_device *device, double *out, const float *x, int64_t count) {
    (void)device;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    *out = sum;
}

void od_ref_scale(od_device *device, float *x, float factor, int64_t count) {
    (void)device;
    for (int64_t i = 0; i < count; i++) {
        x[i] *= factor;
    }
}

void od_ref_adam(od_device *device, float *p, float *m, float *v, const float *g, int64_t count,
                 const od_adam_options *options) {
    (void)device;
    double lr = options->lr;
    double decay = options->weight_decay;
    double b1 = options->beta1;
    double b2 = options->beta2;
    double correction1 = 1 - pow(b1, (double)options->step);
    double correction2 = 1 - pow(b2, (double)options->step);
    for (int64_t i = 0; i < count; i++) {
        double pi = (double)p[i];
        double gi = (double)g[i] + (options->decoupled ? 0 : decay * pi);
        pi -= options->decoupled ? lr * decay * pi : 0;
        double mi = b1 * (double)m[i] + (1 - b1) * gi;
        double vi = b2 * (double)v[i] + (1 - b2) * gi * gi;
        m[i] = (float)mi;
        v[i] = (float)vi;
        p[i] = (float)(pi - lr * (mi / correction1) / (sqrt(vi / correction2) + options->eps));
    }
}

void od_ref_sgd(od_device *device, float *p, float *v, const float *g, int64_t count,
                const od_sgd_options *options) {
    (void)device;
    for (int64_t i = 0; i < count; i++) {
        double gi = (double)g[i] + options->weight_decay * (double)p[i];
        double vi = options->first ? gi : options->momentum * (double)v[i] + gi;
        v[i] = (float)vi;
        p[i] = (float)((double)p[i] - options->lr * vi);
    }
}
