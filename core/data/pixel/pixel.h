// SPDX-License-Identifier: Apache-2.0
// Operations on uint8 images, as deterministic functions of their parameters: what is drawn, and
// how often, is core/data/augment's. Every one gives the pixels of torchvision 0.14 on a Pillow 9.4
// image, bit by bit, unless its comment says otherwise. Where versions differ, 0.14 it is: shears
// turn about the upper left corner by arctan(magnitude) (before 0.13: about the centre, by the
// magnitude itself).
//
// - Images have 1 or 3 channels; `out` has the size that the caller wants and aliases no input.
// - What has no `out` works in place. `spare` is an image of the same size whose pixels are
//   undefined before and after; the two may have exchanged their memory.
#ifndef OD_CORE_DATA_PIXEL_PIXEL_H
#define OD_CORE_DATA_PIXEL_PIXEL_H

#include "core/data/image.h"

#include <stdint.h>

typedef struct od_pixel_box {
    int64_t top, left, height, width;
} od_pixel_box;

// --- geometry ------------------------------------------------------------------------------
// The window of out's size at (top, left) of `in` padded by pad on each side, mirrored about the
// outermost pixels (padding_mode "reflect"). pad is smaller than the sides of in.
void od_pixel_crop_reflect(od_image *out, const od_image *in, int64_t pad, int64_t top,
                           int64_t left);

void od_pixel_flip(od_image *image); // left becomes right

// out(x, y) = in(a x + b y + c, d x + e y + f) at the centre of the pixel, matrix = {a, ..., f},
// nearest neighbour, 0 outside, in 16.16 fixed point.
void od_pixel_affine(od_image *out, const od_image *in, const double matrix[6]);

// level: the tangent. Positive: rows below (ShearX) or columns to the right (ShearY) move to the
// left or up.
void od_pixel_shear_x(od_image *image, od_image *spare, float level);
void od_pixel_shear_y(od_image *image, od_image *spare, float level);
// By whole pixels to the right or down: the fraction is cut off.
void od_pixel_translate_x(od_image *image, od_image *spare, float pixels);
void od_pixel_translate_y(od_image *image, od_image *spare, float pixels);
// Counterclockwise, about the centre.
void od_pixel_rotate(od_image *image, od_image *spare, float degrees);

// --- resampling ----------------------------------------------------------------------------
typedef enum od_pixel_filter {
    OD_PIXEL_BILINEAR,
    OD_PIXEL_BICUBIC
} od_pixel_filter; // bicubic: a = -1/2

typedef struct od_pixel_resizer od_pixel_resizer; // working memory; grows with the images
od_status od_pixel_resizer_new(od_pixel_resizer **out, od_error *error) OD_MUST_CHECK;
void od_pixel_resizer_free(od_pixel_resizer *resizer); // NULL is fine

// Scales box of `in` to width x height with antialiasing, in two passes of 8-bit results with
// 22-bit coefficients, and writes the window of it that starts at (top, left) and has out's size.
// Pixels outside of box have no influence. OD_E_NO_MEMORY.
typedef struct od_pixel_scaling {
    od_pixel_box box;
    int64_t width, height, top, left;
    od_pixel_filter filter;
} od_pixel_scaling;
od_status od_pixel_resize(od_image *out, const od_image *in, const od_pixel_scaling *scaling,
                          od_pixel_resizer *resizer, od_error *error) OD_MUST_CHECK;

// --- light and colour ----------------------------------------------------------------------
// d + factor (image - d) in float32, cut off to [0, 255] and to whole levels, where d is
// brightness: black; contrast: the mean luma, rounded, everywhere; colour: the luma of each pixel;
// sharpness: the image smoothed by the 3 x 3 kernel of ones with 5 in the middle, borders as they
// are. luma = (19595 r + 38470 g + 7471 b + 32768) >> 16, or the one channel.
void od_pixel_brightness(od_image *image, float factor);
void od_pixel_contrast(od_image *image, float factor);
void od_pixel_colour(od_image *image, float factor);
void od_pixel_sharpness(od_image *image, od_image *spare, float factor);

// Keeps the upper bits of each value; bits 0 to 8.
void od_pixel_posterize(od_image *image, int bits);
// v < threshold ? v : 255 - v.
void od_pixel_solarize(od_image *image, float threshold);
// Per channel: the least value becomes 0 and the largest 255.
void od_pixel_autocontrast(od_image *image);
// Per channel: a flat histogram, as far as a table can make it.
void od_pixel_equalize(od_image *image);

// Shifts the hue (256 steps) by trunc(255 shift), through 8-bit HSV; shift in [-0.5, 0.5]. Images
// of one channel have no hue.
void od_pixel_hue(od_image *image, float shift);

#endif
