// SPDX-License-Identifier: Apache-2.0
// One thread an item: bias, GELU, scaling and the optimizers.
#include "core/backend/cuda/launch.cuh"

#define SQRT_2_OVER_PI 0.7978845608028654f
#define GELU_CUBIC 0.044715f

__global__ static void bias_kernel(float *y, const float *b, int64_t count, int64_t n) {
    FOR_ITEMS(i, count) {
        y[i] += b[i % n];
    }
}

__global__ static void gelu_forward_kernel(float *y, const float *x, int64_t count) {
    FOR_ITEMS(i, count) {
        float v = x[i];
        y[i] = 0.5f * v * (1.0f + tanhf(SQRT_2_OVER_PI * (v + GELU_CUBIC * v * v * v)));
    }
}

// gelu'(x) = (1 + t)/2 + x (1 - t^2)/2 sqrt(2/pi) (1 + 3 * 0.044715 x^2), t = the tanh above.
__global__ static void gelu_backward_kernel(float *dx, const float *dy, const float *x,
                                            int64_t count) {
    FOR_ITEMS(i, count) {
        float v = x[i];
        float t = tanhf(SQRT_2_OVER_PI * (v + GELU_CUBIC * v * v * v));
        float inner = SQRT_2_OVER_PI * (1.0f + 3.0f * GELU_CUBIC * v * v);
        dx[i] = dy[i] * (0.5f * (1.0f + t) + 0.5f * v * (1.0f - t * t) * inner);
    }
}

__global__ static void scale_kernel(float *x, float factor, int64_t count) {
    FOR_ITEMS(i, count) {
        x[i] *= factor;
    }
}

// od_adam_options rounded to float32 once, after all that can be computed ahead in float64.
typedef struct adam_scalars {
    float beta1, rest1, beta2, rest2, decay, shrink, step_size, root_correction, eps;
} adam_scalars;

__global__ static void adam_kernel(float *p, float *m, float *v, const float *g, int64_t count,
                                   adam_scalars o) {
    FOR_ITEMS(i, count) {
        float weight = p[i] * o.shrink;
        float gradient = g[i] + o.decay * p[i];
        float first = o.beta1 * m[i] + o.rest1 * gradient;
        float second = o.beta2 * v[i] + o.rest2 * gradient * gradient;
        m[i] = first;
        v[i] = second;
        p[i] = weight - o.step_size * first / (sqrtf(second) / o.root_correction + o.eps);
    }
}

__global__ static void sgd_kernel(float *p, float *v, const float *g, int64_t count, float lr,
                                  float momentum, float decay, bool first) {
    FOR_ITEMS(i, count) {
        float gradient = g[i] + decay * p[i];
        float velocity = first ? gradient : momentum * v[i] + gradient;
        v[i] = velocity;
        p[i] -= lr * velocity;
    }
}

void od_cuda_bias(od_device *device, float *y, const float *b, int64_t rows, int64_t n) {
    OD_RUN(bias_kernel, blocks_for_items(rows * n), device, y, b, rows * n, n);
}

void od_cuda_gelu_forward(od_device *device, float *y, const float *x, int64_t count) {
    OD_RUN(gelu_forward_kernel, blocks_for_items(count), device, y, x, count);
}

void od_cuda_gelu_backward(od_device *device, float *dx, const float *dy, const float *x,
                           int64_t count) {
    OD_RUN(gelu_backward_kernel, blocks_for_items(count), device, dx, dy, x, count);
}

void od_cuda_scale(od_device *device, float *x, float factor, int64_t count) {
    OD_RUN(scale_kernel, blocks_for_items(count), device, x, factor, count);
}

void od_cuda_adam(od_device *device, float *p, float *m, float *v, const float *g, int64_t count,
                  const od_adam_options *options) {
    double correction1 = 1.0 - pow(options->beta1, (double)options->step);
    double correction2 = 1.0 - pow(options->beta2, (double)options->step);
    double decay = options->weight_decay;
    adam_scalars o;
    o.beta1 = (float)options->beta1;
    o.rest1 = (float)(1.0 - options->beta1);
    o.beta2 = (float)options->beta2;
    o.rest2 = (float)(1.0 - options->beta2);
    o.decay = (float)(options->decoupled ? 0.0 : decay);
    o.shrink = (float)(options->decoupled ? 1.0 - options->lr * decay : 1.0);
    o.step_size = (float)(options->lr / correction1);
    o.root_correction = (float)sqrt(correction2);
    o.eps = (float)options->eps;
    OD_RUN(adam_kernel, blocks_for_items(count), device, p, m, v, g, count, o);
}

void od_cuda_sgd(od_device *device, float *p, float *v, const float *g, int64_t count,
                 const od_sgd_options *options) {
    OD_RUN(sgd_kernel, blocks_for_items(count), device, p, v, g, count, (float)options->lr,
           (float)options->momentum, (float)options->weight_decay, options->first);
}
