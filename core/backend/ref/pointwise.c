// SPDX-License-Identifier: Apache-2.0
// GELU by tanh: gelu(x) = 0.5 x (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
#include "core/backend/ref/ref.h"

#include <math.h>

static const double SQRT_2_OVER_PI = 0.79788456080286535588;
static const double CUBIC = 0.044715;

void od_ref_gelu_forward(od_device *device, float *y, const float *x, int64_t count) {
    (void)device;
    for (int64_t i = 0; i < count; i++) {
        double v = (double)x[i];
        double t = tanh(SQRT_2_OVER_PI * (v + CUBIC * v * v * v));
        y[i] = (float)(0.5 * v * (1 + t));
    }
}

void od_ref_gelu_backward(od_device *device, float *dx, const float *dy, const float *x,
                          int64_t count) {
    (void)device;
    for (int64_t i = 0; i < count; i++) {
        double v = (double)x[i];
        double t = tanh(SQRT_2_OVER_PI * (v + CUBIC * v * v * v));
        double du = SQRT_2_OVER_PI * (1 + 3 * CUBIC * v * v);
        dx[i] = (float)((double)dy[i] * (0.5 * (1 + t) + 0.5 * v * (1 - t * t) * du));
    }
}
