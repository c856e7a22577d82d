// SPDX-License-Identifier: Apache-2.0
// From a decoded image to the values that a model takes: the augmentation of a data set and a
// model family as the reference implementation chooses it, then normalisation. Everything drawn is
// a function of (seed, epoch, sample), so neither the order of calls nor the number of threads
// changes a value.
//
// In training, with data.augment "auto":
//   cifar10, cifar100   reflected crop, flip; vit: then RandAugment, ColorJitter, erasing
//   tiny-imagenet       RandomResizedCrop, flip; vit: then RandAugment, ColorJitter, erasing
//   imagenet1k          RandomResizedCrop, flip; vit: then ColorJitter, RandAugment, erasing
//   all others          erasing
// In evaluation and with "none": the shorter side scaled to image_size (bilinear; vit on imagenet1k
// bicubic), then the middle. Images of image_size stay as they are.
#ifndef OD_CORE_DATA_TRANSFORM_H
#define OD_CORE_DATA_TRANSFORM_H

#include "core/data/dataset.h"
#include "core/data/image.h"
#include "core/spec.h"

#include <stdint.h>

typedef struct od_transform od_transform;                 // read only: all threads share it
typedef struct od_transform_scratch od_transform_scratch; // one a thread

// What spec does to the images of a split. OD_E_INVALID: a number of channels other than 1 or 3.
od_status od_transform_new(const od_spec *spec, od_split split, od_transform **out,
                           od_error *error) OD_MUST_CHECK;
void od_transform_free(od_transform *transform); // NULL is fine

// Working memory of od_transform_apply; borrows transform.
od_status od_transform_scratch_new(const od_transform *transform, od_transform_scratch **out,
                                   od_error *error) OD_MUST_CHECK;
void od_transform_scratch_free(od_transform_scratch *scratch); // NULL is fine

int64_t od_transform_values(const od_transform *transform); // floats of one image

// out [image_size, image_size, channels] float32 = (pixel/255 - mean) / std. in has the model's
// channels; it is not changed. sample: its number in the split, from 0. OD_E_INVALID: other channels,
// or other sides where a crop wants the data set's. OD_E_NO_MEMORY: working memory grows with the
// images, for those that are scaled; it never does for others.
od_status od_transform_apply(const od_transform *transform, od_transform_scratch *scratch,
                             const od_image *in, uint64_t seed, int64_t epoch, int64_t sample,
                             float *out, od_error *error) OD_MUST_CHECK;

// The largest scale 1/1, 1/2, 1/4 or 1/8 (given as 1, 2, 4, 8) at which an image of width x height
// may be decoded before od_transform_apply without losing what that sample's crop needs: the crop,
// drawn in the decoded image at the same place, is never enlarged. 1 in evaluation, whose pixels
// stay exactly those of the whole image.
int od_transform_hint(const od_transform *transform, int64_t width, int64_t height, uint64_t seed,
                      int64_t epoch, int64_t sample);

// The first words of the stream that a sample's augmentation draws from, for logs that show that
// two runs draw the same.
void od_transform_digest(uint64_t seed, int64_t epoch, int64_t sample, uint32_t out[4]);

#endif
