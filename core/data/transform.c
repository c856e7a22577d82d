// SPDX-License-Identifier: Apache-2.0
// Normalised values come from a table: a pixel has 256 of them.
#include "core/data/transform.h"

#include <stdlib.h>

enum { LEVELS = 256, MAX_CHANNELS = 3 };

struct od_transform {
    int64_t image_size, channels;
    float table[LEVELS][MAX_CHANNELS];
};

struct od_transform_scratch {
    const od_transform *transform;
};

// In float32, as torchvision's ToTensor and Normalize compute.
static void fill_table(od_transform *transform, const od_data_spec *data) {
    for (int level = 0; level < LEVELS; level++) {
        for (int64_t c = 0; c < transform->channels; c++) {
            transform->table[level][c] = ((float)level / 255.0f - data->mean[c]) / data->std[c];
        }
    }
}

od_status od_transform_new(const od_spec *spec, od_split split, od_transform **out,
                           od_error *error) {
    (void)split;
    if (spec->model.channels != 1 && spec->model.channels != MAX_CHANNELS) {
        return od_error_set(error, OD_E_INVALID, "images of %lld channels; they have 1 or %d",
                            (long long)spec->model.channels, MAX_CHANNELS);
    }
    od_transform *transform = calloc(1, sizeof *transform);
    if (transform == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a transform");
    }
    transform->image_size = spec->model.image_size;
    transform->channels = spec->model.channels;
    fill_table(transform, &spec->data);
    *out = transform;
    return OD_OK;
}

int64_t od_transform_values(const od_transform *transform) {
    return transform->image_size * transform->image_size * transform->channels;
}

void od_transform_free(od_transform *transform) {
    free(transform);
}

od_status od_transform_scratch_new(const od_transform *transform, od_transform_scratch **out,
                                   od_error *error) {
    od_transform_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a transform");
    }
    scratch->transform = transform;
    *out = scratch;
    return OD_OK;
}

void od_transform_scratch_free(od_transform_scratch *scratch) {
    free(scratch);
}

static void normalise(const od_transform *transform, const uint8_t *pixels, float *out) {
    int64_t count = transform->image_size * transform->image_size;
    for (int64_t p = 0; p < count; p++) {
        for (int64_t c = 0; c < transform->channels; c++) {
            *out++ = transform->table[*pixels++][c];
        }
    }
}

od_status od_transform_apply(const od_transform *transform, od_transform_scratch *scratch,
                             const od_image *in, uint64_t seed, int64_t epoch, int64_t sample,
                             float *out, od_error *error) {
    (void)scratch;
    (void)seed;
    (void)epoch;
    (void)sample;
    if (in->width != transform->image_size || in->height != transform->image_size ||
        in->channels != transform->channels) {
        return od_error_set(error, OD_E_INVALID,
                            "an image of %lld x %lld x %lld; the model takes %lld x %lld x %lld",
                            (long long)in->width, (long long)in->height, (long long)in->channels,
                            (long long)transform->image_size, (long long)transform->image_size,
                            (long long)transform->channels);
    }
    normalise(transform, in->pixels, out);
    return OD_OK;
}

int od_transform_hint(const od_transform *transform, int64_t width, int64_t height, uint64_t seed,
                      int64_t epoch, int64_t sample) {
    (void)transform;
    (void)width;
    (void)height;
    (void)seed;
    (void)epoch;
    (void)sample;
    return 1;
}
