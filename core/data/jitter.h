// SPDX-License-Identifier: Apache-2.0
// torchvision's ColorJitter(0.4, 0.4, 0.4, 0.1).
#ifndef OD_CORE_DATA_JITTER_H
#define OD_CORE_DATA_JITTER_H

#include "core/data/pixel/pixel.h"
#include "core/rng/philox.h"

enum { OD_JITTER_OPS = 4 }; // 0 brightness, 1 contrast, 2 saturation, 3 hue

typedef struct od_jitter {
    int order[OD_JITTER_OPS];
    float factors[OD_JITTER_OPS]; // by operation: [0.6, 1.4) three times, [-0.1, 0.1)
} od_jitter;

// Draws: the order, then the four factors.
od_jitter od_jitter_draw(od_philox *stream);
void od_jitter_apply(const od_jitter *jitter, od_image *image);

#endif
