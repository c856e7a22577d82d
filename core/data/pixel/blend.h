// SPDX-License-Identifier: Apache-2.0
// What the enhancing operations share; private to core/data/pixel.
#ifndef OD_CORE_DATA_PIXEL_BLEND_H
#define OD_CORE_DATA_PIXEL_BLEND_H

#include <stdint.h>

// from + factor (to - from), cut off to [0, 255] and then to a whole level.
static inline uint8_t od_pixel_blend(int from, int to, float factor) {
    const float value = (float)from + factor * (float)(to - from);
    const float low = value > 0.0F ? value : 0.0F;
    return (uint8_t)(int)(low < 255.0F ? low : 255.0F);
}

static inline int od_pixel_luma(const uint8_t *pixel, int64_t channels) {
    return channels == 1 ? pixel[0]
                         : (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16;
}

#endif
