// SPDX-License-Identifier: Apache-2.0
// Blends of an image with what is made of it pixel by pixel.
#include "core/data/pixel/blend.h"
#include "core/data/pixel/pixel.h"

#include <string.h>

void od_pixel_colour(od_image *image, float factor) {
    if (image->channels == 1) {
        return;
    }
    const int64_t count = image->width * image->height;
    uint8_t *pixel = image->pixels;
    for (int64_t i = 0; i < count; i++, pixel += 3) {
        const int luma = od_pixel_luma(pixel, 3);
        for (int c = 0; c < 3; c++) {
            pixel[c] = od_pixel_blend(luma, pixel[c], factor);
        }
    }
}

// The values of a row but for its first and last pixel. The mean of thirteenths is rounded; it is
// never halfway.
static void sharpen_row(uint8_t *to, const uint8_t *above, const uint8_t *row, const uint8_t *below,
                        int64_t width, int64_t channels, float factor) {
    for (int64_t i = channels; i < (width - 1) * channels; i++) {
        const int64_t l = i - channels, r = i + channels;
        const int sum = above[l] + above[i] + above[r] + row[l] + 5 * row[i] + row[r] + below[l] +
                        below[i] + below[r];
        to[i] = od_pixel_blend((2 * sum + 13) / 26, row[i], factor);
    }
}

void od_pixel_sharpness(od_image *image, od_image *spare, float factor) {
    const int64_t bytes = image->width * image->channels;
    if (image->width < 3 || image->height < 3) {
        return;
    }
    const od_image in = *image;
    *image = *spare;
    *spare = in;
    for (int64_t y = 0; y < in.height; y++) {
        const uint8_t *row = in.pixels + y * bytes;
        uint8_t *to = image->pixels + y * bytes;
        memcpy(to, row, (size_t)bytes);
        if (y > 0 && y < in.height - 1) {
            sharpen_row(to, row - bytes, row, row + bytes, in.width, in.channels, factor);
        }
    }
}
