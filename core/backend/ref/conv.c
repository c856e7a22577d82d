// SPDX-License-Identifier: Apache-2.0
// Convolutions and average pools of channels-last images.
#include "core/backend/ref/ref.h"

// A place in y with the window of x that it sees.
typedef struct window {
    int64_t b, top, left; // top, left: of x, negative in the padding
    int64_t row;          // of y: (b * height + i) * width + j
} window;

static int64_t window_count(const od_conv2d *conv) {
    return conv->batch * od_conv2d_side(conv, conv->height) * od_conv2d_side(conv, conv->width);
}

static window window_at(const od_conv2d *conv, int64_t row) {
    const int64_t height = od_conv2d_side(conv, conv->height);
    const int64_t width = od_conv2d_side(conv, conv->width);
    return (window){.b = row / (height * width),
                    .top = row / width % height * conv->stride - conv->padding,
                    .left = row % width * conv->stride - conv->padding,
                    .row = row};
}

// The pixel of x under place (p, q) of the kernel, as its row; -1 outside of the image.
static int64_t pixel_under(const od_conv2d *conv, const window *at, int64_t p, int64_t q) {
    const int64_t i = at->top + p, j = at->left + q;
    const bool inside = i >= 0 && i < conv->height && j >= 0 && j < conv->width;
    return inside ? (at->b * conv->height + i) * conv->width + j : -1;
}

static const float *weight_at(const float *w, const od_conv2d *conv, int64_t o, int64_t p,
                              int64_t q) {
    return w + (o * conv->in * conv->kernel + p) * conv->kernel + q;
}

// The sum over the window for one output channel.
static double correlate(const od_device *device, const float *x, const float *w,
                        const od_conv2d *conv, const window *at, int64_t o) {
    const int64_t plane = conv->kernel * conv->kernel;
    double sum = 0;
    for (int64_t p = 0; p < conv->kernel; p++) {
        for (int64_t q = 0; q < conv->kernel; q++) {
            const int64_t pixel = pixel_under(conv, at, p, q);
            const float *weights = weight_at(w, conv, o, p, q);
            for (int64_t c = 0; pixel >= 0 && c < conv->in; c++) {
                sum += od_ref_operand(device, x[pixel * conv->in + c]) *
                       od_ref_operand(device, weights[c * plane]);
            }
        }
    }
    return sum;
}

void od_ref_conv2d_forward(od_device *device, float *y, const float *x, const float *w,
                           const float *b, const od_conv2d *conv) {
    for (int64_t row = 0; row < window_count(conv); row++) {
        const window at = window_at(conv, row);
        for (int64_t o = 0; o < conv->out; o++) {
            y[row * conv->out + o] = (float)((double)b[o] + correlate(device, x, w, conv, &at, o));
        }
    }
}

// One value of dx: all places of y whose window covers pixel (b, i, j).
static double spread(const od_device *device, const float *dy, const float *w,
                     const od_conv2d *conv, int64_t pixel, int64_t c) {
    const int64_t height = od_conv2d_side(conv, conv->height);
    const int64_t width = od_conv2d_side(conv, conv->width);
    const int64_t b = pixel / (conv->height * conv->width);
    const int64_t plane = conv->kernel * conv->kernel;
    double sum = 0;
    for (int64_t p = 0; p < conv->kernel; p++) {
        for (int64_t q = 0; q < conv->kernel; q++) {
            const int64_t i = pixel / conv->width % conv->height + conv->padding - p;
            const int64_t j = pixel % conv->width + conv->padding - q;
            if (i < 0 || j < 0 || i % conv->stride != 0 || j % conv->stride != 0 ||
                i / conv->stride >= height || j / conv->stride >= width) {
                continue;
            }
            const float *from =
                dy + ((b * height + i / conv->stride) * width + j / conv->stride) * conv->out;
            for (int64_t o = 0; o < conv->out; o++) {
                sum += od_ref_operand(device, from[o]) *
                       od_ref_operand(device, weight_at(w, conv, o, p, q)[c * plane]);
            }
        }
    }
    return sum;
}

static void backward_input(const od_device *device, float *dx, const float *dy, const float *w,
                           const od_conv2d *conv) {
    for (int64_t pixel = 0; pixel < conv->batch * conv->height * conv->width; pixel++) {
        for (int64_t c = 0; c < conv->in; c++) {
            dx[pixel * conv->in + c] = (float)spread(device, dy, w, conv, pixel, c);
        }
    }
}

// One value of dw: place (p, q) of the kernel over all of y.
static double collect(const od_device *device, const float *dy, const float *x,
                      const od_conv2d *conv, int64_t o, int64_t c, int64_t p, int64_t q) {
    double sum = 0;
    for (int64_t row = 0; row < window_count(conv); row++) {
        const window at = window_at(conv, row);
        const int64_t pixel = pixel_under(conv, &at, p, q);
        if (pixel >= 0) {
            sum += od_ref_operand(device, dy[row * conv->out + o]) *
                   od_ref_operand(device, x[pixel * conv->in + c]);
        }
    }
    return sum;
}

static void backward_weight(const od_device *device, float *dw, const float *dy, const float *x,
                            const od_conv2d *conv) {
    const int64_t k = conv->kernel;
    for (int64_t i = 0; i < conv->out * conv->in * k * k; i++) {
        dw[i] += (float)collect(device, dy, x, conv, i / (conv->in * k * k), i / (k * k) % conv->in,
                                i / k % k, i % k);
    }
}

void od_ref_conv2d_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                            const float *x, const float *w, const od_conv2d *conv) {
    if (dx != NULL) {
        backward_input(device, dx, dy, w, conv);
    }
    backward_weight(device, dw, dy, x, conv);
    for (int64_t o = 0; o < conv->out; o++) {
        double sum = (double)db[o];
        for (int64_t row = 0; row < window_count(conv); row++) {
            sum += (double)dy[row * conv->out + o];
        }
        db[o] = (float)sum;
    }
}

void od_ref_avgpool_forward(od_device *device, float *y, const float *x, int64_t batch,
                            int64_t positions, int64_t n) {
    (void)device;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            for (int64_t t = 0; t < positions; t++) {
                sum += (double)x[(b * positions + t) * n + i];
            }
            y[b * n + i] = (float)(sum / (double)positions);
        }
    }
}

void od_ref_avgpool_backward(od_device *device, float *dx, const float *dy, int64_t batch,
                             int64_t positions, int64_t n) {
    (void)device;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t t = 0; t < positions; t++) {
            for (int64_t i = 0; i < n; i++) {
                dx[(b * positions + t) * n + i] =
                    (float)((double)dy[b * n + i] / (double)positions);
            }
        }
    }
}
