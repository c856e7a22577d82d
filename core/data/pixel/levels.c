// SPDX-License-Identifier: Apache-2.0
// Operations that map each value by a table of 256, one for all channels or one a channel.
#include "core/data/pixel/blend.h"
#include "core/data/pixel/pixel.h"

enum { LEVELS = 256, MAX_CHANNELS = 3 };

static void map_all(od_image *image, const uint8_t table[LEVELS]) {
    const size_t bytes = od_image_bytes(image);
    for (size_t i = 0; i < bytes; i++) {
        image->pixels[i] = table[image->pixels[i]];
    }
}

// --- one table -----------------------------------------------------------------------------

static void blend_with_level(od_image *image, int level, float factor) {
    uint8_t table[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        table[i] = od_pixel_blend(level, i, factor);
    }
    map_all(image, table);
}

void od_pixel_brightness(od_image *image, float factor) {
    blend_with_level(image, 0, factor);
}

void od_pixel_contrast(od_image *image, float factor) {
    const int64_t count = image->width * image->height;
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += od_pixel_luma(image->pixels + i * image->channels, image->channels);
    }
    blend_with_level(image, (int)((double)sum / (double)count + 0.5), factor);
}

void od_pixel_posterize(od_image *image, int bits) {
    const uint8_t mask = (uint8_t)(0xff00 >> bits);
    const size_t bytes = od_image_bytes(image);
    for (size_t i = 0; i < bytes; i++) {
        image->pixels[i] &= mask;
    }
}

void od_pixel_solarize(od_image *image, float threshold) {
    uint8_t table[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        table[i] = (uint8_t)((float)i < threshold ? i : 255 - i);
    }
    map_all(image, table);
}

// --- one table a channel -------------------------------------------------------------------

typedef void (*table_maker)(const int32_t histogram[LEVELS], uint8_t table[LEVELS]);

static void map_by_histogram(od_image *image, table_maker make) {
    int32_t histograms[MAX_CHANNELS][LEVELS] = {{0}};
    uint8_t tables[MAX_CHANNELS][LEVELS];
    const int64_t channels = image->channels, count = image->width * image->height;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < channels; c++) {
            histograms[c][image->pixels[i * channels + c]]++;
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        make(histograms[c], tables[c]);
    }
    for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < channels; c++) {
            uint8_t *value = &image->pixels[i * channels + c];
            *value = tables[c][*value];
        }
    }
}

static void keep_levels(uint8_t table[LEVELS]) {
    for (int i = 0; i < LEVELS; i++) {
        table[i] = (uint8_t)i;
    }
}

static int least_of(const int32_t histogram[LEVELS]) {
    int i = 0;
    while (i < LEVELS - 1 && histogram[i] == 0) {
        i++;
    }
    return i;
}

static int largest_of(const int32_t histogram[LEVELS]) {
    int i = LEVELS - 1;
    while (i > 0 && histogram[i] == 0) {
        i--;
    }
    return i;
}

static void stretch(const int32_t histogram[LEVELS], uint8_t table[LEVELS]) {
    const int least = least_of(histogram), largest = largest_of(histogram);
    if (largest <= least) {
        keep_levels(table);
        return;
    }
    const double scale = 255.0 / (double)(largest - least);
    const double offset = -(double)least * scale;
    for (int i = 0; i < LEVELS; i++) {
        const int level = (int)((double)i * scale + offset);
        table[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

static void flatten(const int32_t histogram[LEVELS], uint8_t table[LEVELS]) {
    int32_t count = 0;
    for (int i = 0; i < LEVELS; i++) {
        count += histogram[i];
    }
    const int32_t step = (count - histogram[largest_of(histogram)]) / 255;
    if (step == 0) {
        keep_levels(table);
        return;
    }
    int32_t sum = step / 2;
    for (int i = 0; i < LEVELS; i++) {
        const int32_t level = sum / step;
        table[i] = (uint8_t)(level > 255 ? 255 : level);
        sum += histogram[i];
    }
}

void od_pixel_autocontrast(od_image *image) {
    map_by_histogram(image, stretch);
}

void od_pixel_equalize(od_image *image) {
    map_by_histogram(image, flatten);
}
