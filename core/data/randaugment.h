// SPDX-License-Identifier: Apache-2.0
// RandAugment (arXiv 1909.13719) with the operations, magnitudes and signs of torchvision 0.14:
// 31 bins, nearest neighbour, black outside of the image. Affine operations differ before 0.13, see
// core/data/pixel/pixel.h.
#ifndef OD_CORE_DATA_RANDAUGMENT_H
#define OD_CORE_DATA_RANDAUGMENT_H

#include "core/data/pixel/pixel.h"
#include "core/rng/philox.h"

#include <stdbool.h>

enum { OD_RANDAUGMENT_OPS = 14, OD_RANDAUGMENT_BINS = 31 };

typedef struct od_randaugment_op {
    const char *name; // torchvision's
    bool has_sign;    // half of the magnitudes are negated
    // Of bin 0 to 30, in an image with such a side (height for TranslateY, width for TranslateX).
    // NULL: the operation takes none.
    float (*magnitude)(int bin, int64_t side);
    void (*apply)(od_image *image, od_image *spare, float magnitude);
} od_randaugment_op;

extern const od_randaugment_op od_randaugment_ops[OD_RANDAUGMENT_OPS];

// n operations one after the other, each drawn from all; draws: the operation, then the sign where
// it has one. image is square; spare as in core/data/pixel/pixel.h.
void od_randaugment_apply(od_image *image, od_image *spare, int n, int bin, od_philox *stream);

#endif
