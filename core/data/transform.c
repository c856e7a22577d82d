// SPDX-License-Identifier: Apache-2.0
// A recipe is a list of steps: which ones is a table of data sets and model families, as the
// reference implementation chooses them. All steps of a sample draw from one stream, one after the
// other. Normalised values come from a table: a pixel has 256 of them.
#include "core/data/transform.h"

#include "core/data/draw.h"
#include "core/data/jitter.h"
#include "core/data/pixel/pixel.h"
#include "core/data/randaugment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 256, MAX_CHANNELS = 3, MAX_STEPS = 7, CROP_PAD = 4, MAX_DECODE_SCALE = 8 };

typedef struct job job;
typedef od_status (*step)(job *j);

typedef struct recipe {
    const char *dataset;   // NULL: any
    bool is_resnet;        // else vit
    float least_area;      // of resized_crop; 0: it is not among the steps
    od_pixel_filter plain; // in evaluation, and in training with augment "none"
    step steps[MAX_STEPS]; // in training; NULL ends the list
} recipe;

struct od_transform {
    int64_t image_size, channels;
    const recipe *recipe;
    const step *steps;
    bool is_drawn; // steps are those of training
    int randaugment_n, randaugment_m;
    double random_erase;
    float mean[MAX_CHANNELS], std[MAX_CHANNELS];
    float table[MAX_CHANNELS][LEVELS];
};

struct od_transform_scratch {
    od_image image, spare; // [image_size, image_size, channels]
    od_pixel_resizer *resizer;
};

// One sample on its way.
struct job {
    const od_transform *transform;
    od_transform_scratch *scratch;
    const od_image *in;
    float *out;
    od_philox stream;
    od_error *error;
};

// --- steps ---------------------------------------------------------------------------------

static od_status resize(job *j, const od_pixel_scaling *scaling) {
    return od_pixel_resize(&j->scratch->image, j->in, scaling, j->scratch->resizer, j->error);
}

// The shorter side becomes image_size; then the middle. The same for images that have that size.
static od_status plain(job *j) {
    const int64_t size = j->transform->image_size, w = j->in->width, h = j->in->height;
    if (w == size && h == size) {
        memcpy(j->scratch->image.pixels, j->in->pixels, od_image_bytes(j->in));
        return OD_OK;
    }
    od_pixel_scaling scaling = {
        .box = {.width = w, .height = h},
        .width = w <= h ? size : size * w / h,
        .height = w <= h ? size * h / w : size,
        .filter = j->transform->recipe->plain,
    };
    scaling.left = (int64_t)rint((double)(scaling.width - size) / 2);
    scaling.top = (int64_t)rint((double)(scaling.height - size) / 2);
    return resize(j, &scaling);
}

static od_status crop_reflect(job *j) {
    const int64_t size = j->transform->image_size;
    if (j->in->width != size || j->in->height != size) {
        return od_error_set(
            j->error, OD_E_INVALID, "an image of %lld x %lld; this data set's have %lld x %lld",
            (long long)j->in->width, (long long)j->in->height, (long long)size, (long long)size);
    }
    const int64_t top = od_philox_below(&j->stream, 2 * CROP_PAD + 1);
    const int64_t left = od_philox_below(&j->stream, 2 * CROP_PAD + 1);
    od_pixel_crop_reflect(&j->scratch->image, j->in, CROP_PAD, top, left);
    return OD_OK;
}

static od_status resized_crop(job *j) {
    const int64_t size = j->transform->image_size;
    const od_pixel_scaling scaling = {
        .box = od_draw_resized_crop(&j->stream, j->in->width, j->in->height,
                                    j->transform->recipe->least_area),
        .width = size,
        .height = size,
        .filter = OD_PIXEL_BILINEAR,
    };
    return resize(j, &scaling);
}

static od_status flip(job *j) {
    if (od_philox_below(&j->stream, 2) == 1) {
        od_pixel_flip(&j->scratch->image);
    }
    return OD_OK;
}

static od_status randaugment(job *j) {
    od_randaugment_apply(&j->scratch->image, &j->scratch->spare, j->transform->randaugment_n,
                         j->transform->randaugment_m, &j->stream);
    return OD_OK;
}

static od_status jitter(job *j) {
    const od_jitter drawn = od_jitter_draw(&j->stream);
    od_jitter_apply(&drawn, &j->scratch->image);
    return OD_OK;
}

static od_status to_values(job *j) {
    const od_transform *t = j->transform;
    const int64_t count = t->image_size * t->image_size;
    const uint8_t *pixel = j->scratch->image.pixels;
    float *out = j->out;
    for (int64_t p = 0; p < count && t->channels == 3; p++, pixel += 3, out += 3) {
        out[0] = t->table[0][pixel[0]];
        out[1] = t->table[1][pixel[1]];
        out[2] = t->table[2][pixel[2]];
    }
    for (int64_t p = 0; p < count && t->channels == 1; p++) {
        out[p] = t->table[0][pixel[p]];
    }
    return OD_OK;
}

// The noise is normalised too: torchvision's RandomErasing stands in front of Normalize.
static od_status erase(job *j) {
    const od_transform *t = j->transform;
    od_pixel_box box;
    if (!od_draw_erasing(&j->stream, t->image_size, t->random_erase, &box)) {
        return OD_OK;
    }
    for (int64_t y = box.top; y < box.top + box.height; y++) {
        float *out = j->out + (y * t->image_size + box.left) * t->channels;
        for (int64_t x = 0; x < box.width; x++) {
            for (int64_t c = 0; c < t->channels; c++) {
                *out++ = (od_philox_normal(&j->stream) - t->mean[c]) / t->std[c];
            }
        }
    }
    return OD_OK;
}

// --- recipes -------------------------------------------------------------------------------

static const step plain_steps[] = {plain, to_values, NULL};

#define CIFAR_RESNET \
    { crop_reflect, flip, to_values }
#define CIFAR_VIT \
    { crop_reflect, flip, randaugment, jitter, to_values, erase }
static const recipe recipes[] = {
    {"cifar10", true, 0, OD_PIXEL_BILINEAR, CIFAR_RESNET},
    {"cifar10", false, 0, OD_PIXEL_BILINEAR, CIFAR_VIT},
    {"cifar100", true, 0, OD_PIXEL_BILINEAR, CIFAR_RESNET},
    {"cifar100", false, 0, OD_PIXEL_BILINEAR, CIFAR_VIT},
    {"tiny-imagenet", true, 0.7F, OD_PIXEL_BILINEAR, {resized_crop, flip, to_values}},
    {"tiny-imagenet",
     false,
     0.8F,
     OD_PIXEL_BILINEAR,
     {resized_crop, flip, randaugment, jitter, to_values, erase}},
    {"imagenet1k", true, 0.7F, OD_PIXEL_BILINEAR, {resized_crop, flip, to_values}},
    {"imagenet1k",
     false,
     0.8F,
     OD_PIXEL_BICUBIC,
     {resized_crop, flip, jitter, randaugment, to_values, erase}},
    {NULL, true, 0, OD_PIXEL_BILINEAR, {plain, to_values, erase}},
    {NULL, false, 0, OD_PIXEL_BILINEAR, {plain, to_values, erase}},
};

static const recipe *recipe_of(const od_spec *spec) {
    const bool is_resnet = strncmp(spec->model.arch, "resnet", 6) == 0;
    const recipe *row = recipes;
    while (row->is_resnet != is_resnet ||
           (row->dataset != NULL && strcmp(row->dataset, spec->data.dataset) != 0)) {
        row++;
    }
    return row;
}

// --- making and freeing --------------------------------------------------------------------

// In float32, as torchvision's ToTensor and Normalize compute.
static void fill_table(od_transform *transform) {
    for (int level = 0; level < LEVELS; level++) {
        for (int64_t c = 0; c < transform->channels; c++) {
            transform->table[c][level] =
                ((float)level / 255.0f - transform->mean[c]) / transform->std[c];
        }
    }
}

od_status od_transform_new(const od_spec *spec, od_split split, od_transform **out,
                           od_error *error) {
    if (spec->model.channels != 1 && spec->model.channels != MAX_CHANNELS) {
        return od_error_set(error, OD_E_INVALID, "images of %lld channels; they have 1 or %d",
                            (long long)spec->model.channels, MAX_CHANNELS);
    }
    od_transform *transform = calloc(1, sizeof *transform);
    if (transform == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a transform");
    }
    const recipe *row = recipe_of(spec);
    const bool is_drawn = split == OD_SPLIT_TRAIN && spec->data.augment;
    *transform = (od_transform){
        .image_size = spec->model.image_size,
        .channels = spec->model.channels,
        .recipe = row,
        .steps = is_drawn ? row->steps : plain_steps,
        .is_drawn = is_drawn,
        .randaugment_n = spec->data.randaugment_n,
        .randaugment_m = spec->data.randaugment_m,
        .random_erase = spec->data.random_erase,
    };
    memcpy(transform->mean, spec->data.mean, sizeof transform->mean);
    memcpy(transform->std, spec->data.std, sizeof transform->std);
    fill_table(transform);
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
    const int64_t size = transform->image_size;
    od_status status = od_image_resize(&scratch->image, size, size, transform->channels, error);
    if (status == OD_OK) {
        status = od_image_resize(&scratch->spare, size, size, transform->channels, error);
    }
    if (status == OD_OK) {
        status = od_pixel_resizer_new(&scratch->resizer, error);
    }
    if (status != OD_OK) {
        od_transform_scratch_free(scratch);
        return status;
    }
    *out = scratch;
    return OD_OK;
}

void od_transform_scratch_free(od_transform_scratch *scratch) {
    if (scratch != NULL) {
        od_image_fini(&scratch->image);
        od_image_fini(&scratch->spare);
        od_pixel_resizer_free(scratch->resizer);
        free(scratch);
    }
}

// --- using ---------------------------------------------------------------------------------

static od_philox stream_of(uint64_t seed, int64_t epoch, int64_t sample) {
    od_philox stream;
    od_philox_init(&stream, seed, OD_PURPOSE_AUGMENT, (uint32_t)epoch, (uint64_t)sample);
    return stream;
}

od_status od_transform_apply(const od_transform *transform, od_transform_scratch *scratch,
                             const od_image *in, uint64_t seed, int64_t epoch, int64_t sample,
                             float *out, od_error *error) {
    if (in->channels != transform->channels) {
        return od_error_set(error, OD_E_INVALID, "an image of %lld channels; the model takes %lld",
                            (long long)in->channels, (long long)transform->channels);
    }
    job j = {
        .transform = transform,
        .scratch = scratch,
        .in = in,
        .out = out,
        .stream = stream_of(seed, epoch, sample),
        .error = error,
    };
    for (const step *next = transform->steps; *next != NULL; next++) {
        OD_TRY((*next)(&j));
    }
    return OD_OK;
}

int od_transform_hint(const od_transform *transform, int64_t width, int64_t height, uint64_t seed,
                      int64_t epoch, int64_t sample) {
    if (!transform->is_drawn || transform->recipe->least_area == 0) {
        return 1;
    }
    od_philox stream = stream_of(seed, epoch, sample);
    const od_pixel_box box =
        od_draw_resized_crop(&stream, width, height, transform->recipe->least_area);
    const int64_t least = box.width < box.height ? box.width : box.height;
    int scale = 1;
    while (scale < MAX_DECODE_SCALE && least / (2 * scale) >= transform->image_size) {
        scale *= 2;
    }
    return scale;
}

void od_transform_digest(uint64_t seed, int64_t epoch, int64_t sample, uint32_t out[4]) {
    od_philox stream = stream_of(seed, epoch, sample);
    for (int i = 0; i < 4; i++) {
        out[i] = od_philox_next(&stream);
    }
}
