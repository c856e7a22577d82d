// SPDX-License-Identifier: Apache-2.0
// A data set in memory: uint8 images in NHWC and int32 labels, read and checked from files.
#ifndef OD_CORE_DATA_DATASET_H
#define OD_CORE_DATA_DATASET_H

#include "base/error.h"
#include "core/spec.h"

#include <stdint.h>

typedef enum od_split { OD_SPLIT_TRAIN, OD_SPLIT_EVAL } od_split;

typedef struct od_dataset {
    int64_t count, height, width, channels, classes;
    uint8_t *pixels; // [count, height, width, channels]
    int32_t *labels; // [count], each in [0, classes)
} od_dataset;

// Reads one split from spec->root, the first limit samples when there is a limit. Wrong magic,
// wrong counts, truncated or trailing bytes, labels out of range: OD_E_CORRUPT naming the file and
// what was expected. A missing file: OD_E_NOT_FOUND naming the path and the Debian package.
od_status od_dataset_open(const od_data_spec *spec, od_split split, od_dataset **out,
                          od_error *error) OD_MUST_CHECK;
// How many samples od_dataset_open would give, from the headers of the files alone.
od_status od_dataset_count(const od_data_spec *spec, od_split split, int64_t *out,
                           od_error *error) OD_MUST_CHECK;
void od_dataset_free(od_dataset *dataset); // NULL is fine

#endif
