// SPDX-License-Identifier: Apache-2.0
// Hue, saturation and value in 8 bits each, by Pillow's arithmetic: float32 where it has float32,
// float64 where a constant makes it that.
#include "core/data/pixel/pixel.h"

typedef struct hsv {
    uint8_t hue, saturation;
    int value;
} hsv;

static int larger(int a, int b) {
    return a > b ? a : b;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static hsv hsv_of(const uint8_t *pixel) {
    const int r = pixel[0], g = pixel[1], b = pixel[2];
    const int most = larger(r, larger(g, b)), least = smaller(r, smaller(g, b));
    if (most == least) {
        return (hsv){.value = most};
    }
    const float range = (float)(most - least);
    const float red = (float)(most - r) / range, green = (float)(most - g) / range,
                blue = (float)(most - b) / range;
    const float sixth = r == most   ? blue - green
                        : g == most ? (float)(2.0 + (double)red - (double)blue)
                                    : (float)(4.0 + (double)green - (double)red);
    const double turn = (double)sixth / 6.0 + 1.0; // [5/6, 2): less the whole turn
    const float hue = (float)(turn >= 1.0 ? turn - 1.0 : turn);
    const float saturation = range / (float)most;
    return (hsv){.hue = (uint8_t)(int)((double)hue * 255.0),
                 .saturation = (uint8_t)(int)((double)saturation * 255.0),
                 .value = most};
}

static uint8_t rounded(double value) {
    return (uint8_t)(int)(value + 0.5); // in [0, 255]
}

static void put_rgb(uint8_t *pixel, hsv from) {
    const double sixths = (double)from.hue * 6.0 / 255.0; // 0 to 6
    const int sixth = (int)sixths;
    const float rest = (float)(sixths - (double)sixth);
    const float saturation = (float)((double)from.saturation / 255.0);
    const double value = (double)from.value;
    const uint8_t v = (uint8_t)from.value, p = rounded(value * (1.0 - (double)saturation)),
                  q = rounded(value * (1.0 - (double)(saturation * rest))),
                  t = rounded(value * (1.0 - (double)saturation * (1.0 - (double)rest)));
    const uint8_t colours[6][3] = {{v, t, p}, {q, v, p}, {p, v, t},
                                   {p, q, v}, {t, p, v}, {v, p, q}};
    for (int c = 0; c < 3; c++) {
        pixel[c] = colours[sixth % 6][c];
    }
}

void od_pixel_hue(od_image *image, float shift) {
    if (image->channels == 1) {
        return;
    }
    const int steps = (int)((double)shift * 255.0);
    const int64_t count = image->width * image->height;
    uint8_t *pixel = image->pixels;
    for (int64_t i = 0; i < count; i++, pixel += 3) {
        hsv colour = hsv_of(pixel);
        colour.hue = (uint8_t)(colour.hue + steps);
        put_rgb(pixel, colour);
    }
}
