// SPDX-License-Identifier: Apache-2.0
#include "core/data/jitter.h"

#include "core/data/draw.h"

static const struct {
    float low, high;
    void (*apply)(od_image *image, float factor);
} ops[OD_JITTER_OPS] = {
    {0.6F, 1.4F, od_pixel_brightness},
    {0.6F, 1.4F, od_pixel_contrast},
    {0.6F, 1.4F, od_pixel_colour},
    {-0.1F, 0.1F, od_pixel_hue},
};

od_jitter od_jitter_draw(od_philox *stream) {
    od_jitter jitter = {.order = {0, 1, 2, 3}};
    for (int i = OD_JITTER_OPS - 1; i > 0; i--) {
        const int j = (int)od_philox_below(stream, (uint32_t)i + 1);
        const int swapped = jitter.order[i];
        jitter.order[i] = jitter.order[j];
        jitter.order[j] = swapped;
    }
    for (int i = 0; i < OD_JITTER_OPS; i++) {
        jitter.factors[i] = od_draw_between(stream, ops[i].low, ops[i].high);
    }
    return jitter;
}

void od_jitter_apply(const od_jitter *jitter, od_image *image) {
    for (int i = 0; i < OD_JITTER_OPS; i++) {
        const int op = jitter->order[i];
        ops[op].apply(image, jitter->factors[op]);
    }
}
