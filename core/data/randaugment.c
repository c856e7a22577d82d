// SPDX-License-Identifier: Apache-2.0
#include "core/data/randaugment.h"

#include <math.h>

// --- magnitudes ----------------------------------------------------------------------------

// torch.linspace: from both ends to the middle, in float32.
static float evenly(float start, float end, int bin) {
    const float step = (end - start) / (float)(OD_RANDAUGMENT_BINS - 1);
    return bin < OD_RANDAUGMENT_BINS / 2 ? start + step * (float)bin
                                         : end - step * (float)(OD_RANDAUGMENT_BINS - 1 - bin);
}

static float to_shear(int bin, int64_t side) {
    (void)side;
    return evenly(0, 0.3F, bin);
}

static float to_translation(int bin, int64_t side) {
    return evenly(0, (float)(150.0 / 331.0 * (double)side), bin);
}

static float to_degrees(int bin, int64_t side) {
    (void)side;
    return evenly(0, 30, bin);
}

static float to_change(int bin, int64_t side) {
    (void)side;
    return evenly(0, 0.9F, bin);
}

static float to_bits(int bin, int64_t side) {
    (void)side;
    return 8 - rintf((float)bin / ((float)(OD_RANDAUGMENT_BINS - 1) / 4));
}

static float to_threshold(int bin, int64_t side) {
    (void)side;
    return evenly(255, 0, bin);
}

// --- operations in one form ----------------------------------------------------------------

static void identity(od_image *image, od_image *spare, float magnitude) {
    (void)image;
    (void)spare;
    (void)magnitude;
}

// The float32 factor of Pillow comes from a sum in float64.
static float factor_of(float change) {
    return (float)(1.0 + (double)change);
}

static void brightness(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    od_pixel_brightness(image, factor_of(magnitude));
}

static void colour(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    od_pixel_colour(image, factor_of(magnitude));
}

static void contrast(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    od_pixel_contrast(image, factor_of(magnitude));
}

static void sharpness(od_image *image, od_image *spare, float magnitude) {
    od_pixel_sharpness(image, spare, factor_of(magnitude));
}

static void posterize(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    od_pixel_posterize(image, (int)magnitude);
}

static void solarize(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    od_pixel_solarize(image, magnitude);
}

static void autocontrast(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    (void)magnitude;
    od_pixel_autocontrast(image);
}

static void equalize(od_image *image, od_image *spare, float magnitude) {
    (void)spare;
    (void)magnitude;
    od_pixel_equalize(image);
}

const od_randaugment_op od_randaugment_ops[OD_RANDAUGMENT_OPS] = {
    {"Identity", false, NULL, identity},
    {"ShearX", true, to_shear, od_pixel_shear_x},
    {"ShearY", true, to_shear, od_pixel_shear_y},
    {"TranslateX", true, to_translation, od_pixel_translate_x},
    {"TranslateY", true, to_translation, od_pixel_translate_y},
    {"Rotate", true, to_degrees, od_pixel_rotate},
    {"Brightness", true, to_change, brightness},
    {"Color", true, to_change, colour},
    {"Contrast", true, to_change, contrast},
    {"Sharpness", true, to_change, sharpness},
    {"Posterize", false, to_bits, posterize},
    {"Solarize", false, to_threshold, solarize},
    {"AutoContrast", false, NULL, autocontrast},
    {"Equalize", false, NULL, equalize},
};

void od_randaugment_apply(od_image *image, od_image *spare, int n, int bin, od_philox *stream) {
    for (int i = 0; i < n; i++) {
        const od_randaugment_op *op =
            &od_randaugment_ops[od_philox_below(stream, OD_RANDAUGMENT_OPS)];
        float magnitude = op->magnitude != NULL ? op->magnitude(bin, image->width) : 0;
        if (op->has_sign && od_philox_below(stream, 2) == 1) {
            magnitude = -magnitude;
        }
        op->apply(image, spare, magnitude);
    }
}
