// SPDX-License-Identifier: Apache-2.0
// What augmentation draws, with the distributions of torchvision's transforms. Each function takes
// its draws from the stream in the order that its comment gives.
#ifndef OD_CORE_DATA_DRAW_H
#define OD_CORE_DATA_DRAW_H

#include "core/data/pixel/pixel.h"
#include "core/rng/philox.h"

#include <stdbool.h>

float od_draw_between(od_philox *stream, float low, float high); // uniform in [low, high)

// RandomResizedCrop: up to ten times an area in [least_area, 1) of the image and a ratio width /
// height whose logarithm is uniform in [ln 0.75, ln 1.33), until the sides fit; then top and left.
// When none fits: the largest box in the middle whose ratio is within the bounds.
od_pixel_box od_draw_resized_crop(od_philox *stream, int64_t width, int64_t height,
                                  float least_area);

// RandomErasing in an image of size x size: whether (with this probability), then up to ten times
// an area in [0.02, 0.33) of the image and a ratio height / width whose logarithm is uniform in
// [ln 0.3, ln 3.3), until both sides are smaller than the image's; then top and left. False:
// nothing is erased.
bool od_draw_erasing(od_philox *stream, int64_t size, double probability, od_pixel_box *out);

#endif
