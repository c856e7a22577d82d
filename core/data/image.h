// SPDX-License-Identifier: Apache-2.0
// One uint8 image, as decoders give it and as the operations of core/data/pixel take it.
#ifndef OD_CORE_DATA_IMAGE_H
#define OD_CORE_DATA_IMAGE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct od_image {
    int64_t width, height, channels; // 1 (gray) or 3 (RGB)
    uint8_t *pixels;                 // [height, width, channels], without gaps
    size_t capacity;                 // bytes owned behind pixels; 0: a view of somebody's pixels
} od_image;

enum { OD_IMAGE_MAX_SIDE = 65535 };

// The image becomes width x height x channels with undefined pixels. Memory grows when it is too
// small and never shrinks; a view becomes an owner. Starts from (od_image){0}. OD_E_INVALID: a
// side below 1 or above OD_IMAGE_MAX_SIDE; the image is as it was then, and after OD_E_NO_MEMORY.
od_status od_image_resize(od_image *image, int64_t width, int64_t height, int64_t channels,
                          od_error *error) OD_MUST_CHECK;

// Frees what it owns; (od_image){0} and views are fine.
void od_image_fini(od_image *image);

size_t od_image_bytes(const od_image *image); // of the pixels, not of the capacity

#endif
