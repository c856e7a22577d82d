// SPDX-License-Identifier: Apache-2.0
// Hue, saturation and value in 8 bits each, by Pillow's arithmetic: float32 where it has float32,
// float64 where a constant makes it that. What depends on the hue alone is in a table.
#include "core/data/pixel/pixel.h"

#include <stdbool.h>

enum { LEVELS = 256 };
enum { FULL, LOW, PART, KINDS }; // of a channel: v, v (1 - s), something between

typedef struct hsv {
    int hue, saturation, value;
} hsv;

// One sixth of the circle.
typedef struct sector {
    float rest;      // 0 to 1: how far the hue is into it
    bool is_falling; // the channel between goes down with the hue
    int8_t kinds[3]; // of red, green and blue
} sector;

static const sector sectors[] = {
    {0, false, {FULL, PART, LOW}}, {0, true, {PART, FULL, LOW}},  {0, false, {LOW, FULL, PART}},
    {0, true, {LOW, PART, FULL}},  {0, false, {PART, LOW, FULL}}, {0, true, {FULL, LOW, PART}},
};

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
    return (hsv){.hue = (int)((double)hue * 255.0),
                 .saturation = (int)((double)saturation * 255.0),
                 .value = most};
}

// The sector of each hue once it is shifted by so many steps.
static void fill_table(sector table[LEVELS], int steps) {
    for (int hue = 0; hue < LEVELS; hue++) {
        const double sixths = (double)(uint8_t)(hue + steps) * 6.0 / 255.0; // 0 to 6
        const int sixth = (int)sixths;
        table[hue] = sectors[sixth % 6];
        table[hue].rest = (float)(sixths - (double)sixth);
    }
}

static uint8_t rounded(double value) {
    return (uint8_t)(int)(value + 0.5); // in [0, 255]
}

static void put_rgb(uint8_t *pixel, const sector *at, hsv from) {
    const float saturation = (float)((double)from.saturation / 255.0);
    const double value = (double)from.value;
    const double lost = at->is_falling ? (double)(saturation * at->rest)
                                       : (double)saturation * (1.0 - (double)at->rest);
    const uint8_t levels[KINDS] = {
        [FULL] = (uint8_t)from.value,
        [LOW] = rounded(value * (1.0 - (double)saturation)),
        [PART] = rounded(value * (1.0 - lost)),
    };
    for (int c = 0; c < 3; c++) {
        pixel[c] = levels[at->kinds[c]];
    }
}

void od_pixel_hue(od_image *image, float shift) {
    if (image->channels == 1) {
        return;
    }
    sector table[LEVELS];
    fill_table(table, (int)((double)shift * 255.0));
    const int64_t count = image->width * image->height;
    uint8_t *pixel = image->pixels;
    for (int64_t i = 0; i < count; i++, pixel += 3) {
        const hsv colour = hsv_of(pixel);
        put_rgb(pixel, &table[colour.hue], colour);
    }
}
