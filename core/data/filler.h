// SPDX-License-Identifier: Apache-2.0
// One sample on its way from a data set into a batch: read, decode, transform. Each thread has a
// filler of its own.
#ifndef OD_CORE_DATA_FILLER_H
#define OD_CORE_DATA_FILLER_H

#include "core/data/dataset.h"
#include "core/data/transform.h"

#include <stdbool.h>

enum { OD_FILLER_MAX_SKIPS = 100 }; // in a row

typedef struct od_filler od_filler;

// Borrows dataset and transform until od_filler_free. skip: what to do with an image that cannot
// be decoded, see below.
od_status od_filler_new(const od_dataset *dataset, const od_transform *transform, uint64_t seed,
                        bool skip, od_filler **out, od_error *error) OD_MUST_CHECK;
void od_filler_free(od_filler *filler); // NULL is fine

// out [od_transform_values] and *label of the sample in the epoch. An image that cannot be decoded
// is OD_E_CORRUPT, OD_E_TOO_LARGE or OD_E_UNSUPPORTED and names its file; with skip, the next
// sample that can be (behind the last comes the first) stands in its place instead, with its own
// label and draws, and *skipped, which is 0 otherwise, is how many were left out. error then says
// why the first of them was.
od_status od_filler_fill(od_filler *filler, int64_t epoch, int64_t sample, float *out,
                         int32_t *label, int *skipped, od_error *error) OD_MUST_CHECK;

#endif
