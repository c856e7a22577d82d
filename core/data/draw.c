// SPDX-License-Identifier: Apache-2.0
#include "core/data/draw.h"

#include <math.h>

enum { ATTEMPTS = 10 };
static const float CROP_RATIO[2] = {0.75F, 1.33F};
static const float ERASE_AREA[2] = {0.02F, 0.33F};
static const float ERASE_RATIO[2] = {0.3F, 3.3F};

float od_draw_between(od_philox *stream, float low, float high) {
    return low + (high - low) * od_philox_uniform(stream);
}

// A rectangle of that area: ratio is that of the first side to the second.
typedef struct sides {
    int64_t first, second;
} sides;

static sides draw_sides(od_philox *stream, double area, const float portion[2],
                        const float ratio[2]) {
    const double target = area * (double)od_draw_between(stream, portion[0], portion[1]);
    const double drawn = (double)expf(od_draw_between(stream, logf(ratio[0]), logf(ratio[1])));
    return (sides){(int64_t)rint(sqrt(target * drawn)), (int64_t)rint(sqrt(target / drawn))};
}

static int64_t draw_offset(od_philox *stream, int64_t room) {
    return od_philox_below(stream, (uint32_t)room + 1);
}

static od_pixel_box middle(int64_t width, int64_t height) {
    const double ratio = (double)width / (double)height;
    od_pixel_box box = {.width = width, .height = height};
    if (ratio < (double)CROP_RATIO[0]) {
        box.height = (int64_t)rint((double)width / (double)CROP_RATIO[0]);
    } else if (ratio > (double)CROP_RATIO[1]) {
        box.width = (int64_t)rint((double)height * (double)CROP_RATIO[1]);
    }
    box.top = (height - box.height) / 2;
    box.left = (width - box.width) / 2;
    return box;
}

od_pixel_box od_draw_resized_crop(od_philox *stream, int64_t width, int64_t height,
                                  float least_area) {
    const float portion[2] = {least_area, 1};
    for (int i = 0; i < ATTEMPTS; i++) {
        const sides drawn = draw_sides(stream, (double)width * (double)height, portion, CROP_RATIO);
        if (drawn.first >= 1 && drawn.first <= width && drawn.second >= 1 &&
            drawn.second <= height) {
            od_pixel_box box = {.height = drawn.second, .width = drawn.first};
            box.top = draw_offset(stream, height - box.height);
            box.left = draw_offset(stream, width - box.width);
            return box;
        }
    }
    return middle(width, height);
}

bool od_draw_erasing(od_philox *stream, int64_t size, double probability, od_pixel_box *out) {
    if (probability <= 0 || (double)od_philox_uniform(stream) >= probability) {
        return false;
    }
    for (int i = 0; i < ATTEMPTS; i++) {
        const sides drawn = draw_sides(stream, (double)(size * size), ERASE_AREA, ERASE_RATIO);
        if (drawn.first < size && drawn.second < size) {
            *out = (od_pixel_box){.height = drawn.first, .width = drawn.second};
            out->top = draw_offset(stream, size - out->height);
            out->left = draw_offset(stream, size - out->width);
            return true;
        }
    }
    return false;
}
