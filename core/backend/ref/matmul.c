// SPDX-License-Identifier: Apache-2.0
// Linear layers.
#include "core/backend/ref/ref.h"

void od_ref_linear_forward(od_device *device, float *y, const float *x, const float *w,
                           const float *b, int64_t rows, int64_t in, int64_t out) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < out; o++) {
            double sum = b != NULL ? (double)b[o] : 0;
            for (int64_t i = 0; i < in; i++) {
                sum +=
                    od_ref_operand(device, x[r * in + i]) * od_ref_operand(device, w[o * in + i]);
            }
            y[r * out + o] = (float)sum;
        }
    }
}

void od_ref_linear_gelu_forward(od_device *device, float *y, float *pre, const float *x,
                                const float *w, const float *b, int64_t rows, int64_t in,
                                int64_t out) {
    od_ref_linear_forward(device, pre, x, w, b, rows, in, out);
    od_ref_gelu_forward(device, y, pre, rows * out);
}

static void backward_input(const od_device *device, float *dx, const float *dy, const float *w,
                           int64_t rows, int64_t in, int64_t out, bool accumulate) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < in; i++) {
            double sum = accumulate ? (double)dx[r * in + i] : 0;
            for (int64_t o = 0; o < out; o++) {
                sum +=
                    od_ref_operand(device, dy[r * out + o]) * od_ref_operand(device, w[o * in + i]);
            }
            dx[r * in + i] = (float)sum;
        }
    }
}

static void backward_weight(const od_device *device, float *dw, const float *dy, const float *x,
                            int64_t rows, int64_t in, int64_t out) {
    for (int64_t o = 0; o < out; o++) {
        for (int64_t i = 0; i < in; i++) {
            double sum = (double)dw[o * in + i];
            for (int64_t r = 0; r < rows; r++) {
                sum +=
                    od_ref_operand(device, dy[r * out + o]) * od_ref_operand(device, x[r * in + i]);
            }
            dw[o * in + i] = (float)sum;
        }
    }
}

static void backward_bias(float *db, const float *dy, int64_t rows, int64_t out) {
    for (int64_t o = 0; o < out; o++) {
        double sum = (double)db[o];
        for (int64_t r = 0; r < rows; r++) {
            sum += (double)dy[r * out + o];
        }
        db[o] = (float)sum;
    }
}

void od_ref_linear_backward(od_device *device, float *dx, float *dw, float *db, const float *dy,
                            const float *x, const float *w, int64_t rows, int64_t in, int64_t out,
                            bool accumulate_dx) {
    if (dx != NULL) {
        backward_input(device, dx, dy, w, rows, in, out, accumulate_dx);
    }
    backward_weight(device, dw, dy, x, rows, in, out);
    if (db != NULL) {
        backward_bias(db, dy, rows, out);
    }
}
