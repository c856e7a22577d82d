// SPDX-License-Identifier: Apache-2.0
#include "core/data/image.h"

#include <stdlib.h>

size_t od_image_bytes(const od_image *image) {
    return (size_t)image->width * (size_t)image->height * (size_t)image->channels;
}

od_status od_image_resize(od_image *image, int64_t width, int64_t height, int64_t channels,
                          od_error *error) {
    if (width < 1 || height < 1 || width > OD_IMAGE_MAX_SIDE || height > OD_IMAGE_MAX_SIDE ||
        (channels != 1 && channels != 3)) {
        return od_error_set(error, OD_E_INVALID,
                            "an image of %lld x %lld pixels and %lld channels; sides are 1 to %d, "
                            "channels 1 or 3",
                            (long long)width, (long long)height, (long long)channels,
                            OD_IMAGE_MAX_SIDE);
    }
    od_image wanted = {width, height, channels, image->pixels, image->capacity};
    size_t bytes = od_image_bytes(&wanted);
    if (bytes > image->capacity) {
        wanted.pixels = malloc(bytes);
        wanted.capacity = bytes;
        if (wanted.pixels == NULL) {
            return od_error_set(error, OD_E_NO_MEMORY, "no memory for an image of %lld x %lld",
                                (long long)width, (long long)height);
        }
        od_image_fini(image);
    }
    *image = wanted;
    return OD_OK;
}

void od_image_fini(od_image *image) {
    if (image->capacity > 0) {
        free(image->pixels);
    }
    *image = (od_image){0};
}
