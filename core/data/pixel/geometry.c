// SPDX-License-Identifier: Apache-2.0
#include "core/data/pixel/pixel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

// --- crop and flip -------------------------------------------------------------------------

static int64_t mirrored(int64_t i, int64_t count) {
    i = i < 0 ? -i : i;
    return i < count ? i : 2 * (count - 1) - i;
}

void od_pixel_crop_reflect(od_image *out, const od_image *in, int64_t pad, int64_t top,
                           int64_t left) {
    assert(pad < in->width && pad < in->height);
    const int64_t channels = in->channels;
    uint8_t *to = out->pixels;
    for (int64_t y = 0; y < out->height; y++) {
        const uint8_t *row =
            in->pixels + mirrored(top + y - pad, in->height) * in->width * channels;
        for (int64_t x = 0; x < out->width; x++) {
            const uint8_t *from = row + mirrored(left + x - pad, in->width) * channels;
            for (int64_t c = 0; c < channels; c++) {
                *to++ = from[c];
            }
        }
    }
}

void od_pixel_flip(od_image *image) {
    const int64_t channels = image->channels;
    for (int64_t y = 0; y < image->height; y++) {
        uint8_t *left = image->pixels + y * image->width * channels;
        uint8_t *right = left + (image->width - 1) * channels;
        for (; left < right; left += channels, right -= channels) {
            for (int64_t c = 0; c < channels; c++) {
                const uint8_t kept = left[c];
                left[c] = right[c];
                right[c] = kept;
            }
        }
    }
}

// --- affine --------------------------------------------------------------------------------

static int32_t fixed(double value) {
    return (int32_t)floor(value * 65536.0 + 0.5);
}

// One row of out; x, y: where its first pixel comes from, step_x, step_y: what follows adds.
static void affine_row(uint8_t *to, const od_image *out, const od_image *in, int32_t x, int32_t y,
                       int32_t step_x, int32_t step_y) {
    const int64_t channels = in->channels;
    for (int64_t i = 0; i < out->width; i++, to += channels, x += step_x, y += step_y) {
        const int32_t column = x >> 16, row = y >> 16;
        if (column >= 0 && column < in->width && row >= 0 && row < in->height) {
            const uint8_t *from = in->pixels + (row * in->width + column) * channels;
            for (int64_t c = 0; c < channels; c++) {
                to[c] = from[c];
            }
        }
    }
}

void od_pixel_affine(od_image *out, const od_image *in, const double matrix[6]) {
    const double *m = matrix;
    int32_t x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5);
    int32_t y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
    memset(out->pixels, 0, od_image_bytes(out));
    for (int64_t row = 0; row < out->height; row++) {
        affine_row(out->pixels + row * out->width * out->channels, out, in, x, y, fixed(m[0]),
                   fixed(m[3]));
        x += fixed(m[1]);
        y += fixed(m[4]);
    }
}

static void transform(od_image *image, od_image *spare, const double matrix[6]) {
    od_pixel_affine(spare, image, matrix);
    const od_image out = *spare;
    *spare = *image;
    *image = out;
}

// The tangent after its way through degrees, which torchvision takes.
static double tangent(float level) {
    const double degrees = atan((double)level) * (180.0 / PI);
    return tan(degrees * (PI / 180.0));
}

void od_pixel_shear_x(od_image *image, od_image *spare, float level) {
    transform(image, spare, (const double[]){1, tangent(level), 0, 0, 1, 0});
}

void od_pixel_shear_y(od_image *image, od_image *spare, float level) {
    transform(image, spare, (const double[]){1, 0, 0, tangent(level), 1, 0});
}

void od_pixel_translate_x(od_image *image, od_image *spare, float pixels) {
    transform(image, spare, (const double[]){1, 0, -trunc((double)pixels), 0, 1, 0});
}

void od_pixel_translate_y(od_image *image, od_image *spare, float pixels) {
    transform(image, spare, (const double[]){1, 0, 0, 0, 1, -trunc((double)pixels)});
}

static double to_15_digits(double value) {
    return rint(value * 1e15) / 1e15;
}

void od_pixel_rotate(od_image *image, od_image *spare, float degrees) {
    double turn = fmod((double)degrees, 360.0);
    turn = turn < 0 ? turn + 360.0 : turn;
    const double angle = -(turn * (PI / 180.0));
    const double cosine = to_15_digits(cos(angle)), sine = to_15_digits(sin(angle));
    const double x = (double)image->width / 2, y = (double)image->height / 2;
    transform(image, spare,
              (const double[]){cosine, sine, -cosine * x - sine * y + x, -sine, cosine,
                               sine * x - cosine * y + y});
}
