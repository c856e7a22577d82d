// SPDX-License-Identifier: Apache-2.0
// A split of a data set: labels, and uint8 images in NHWC, either all in memory or in files that
// are read when an image is wanted (core/data/reader.h). Checked when it is opened.
#ifndef OD_CORE_DATA_DATASET_H
#define OD_CORE_DATA_DATASET_H

#include "base/error.h"
#include "core/spec.h"

#include <stdint.h>

typedef enum od_split { OD_SPLIT_TRAIN, OD_SPLIT_EVAL } od_split;

typedef struct od_dataset {
    int64_t count, height, width, channels, classes;
    uint8_t *pixels;        // [count, height, width, channels]; NULL: they are in files, whose
                            // images have sides of their own and 3 channels
    int32_t *labels;        // [count], each in [0, classes)
    struct od_index *index; // of the files, or NULL
    char *root;             // where the files are, or NULL
} od_dataset;

typedef struct od_dataset_size {
    int64_t count; // samples
    int64_t bytes; // of memory that the open split takes
} od_dataset_size;

// Reads one split from spec->root, the first limit samples when there is a limit. Wrong magic,
// wrong counts, truncated or trailing bytes, labels out of range, missing classes: OD_E_CORRUPT
// naming the file and what was expected. A missing file: OD_E_NOT_FOUND naming the path and the Debian package.
od_status od_dataset_open(const od_data_spec *spec, od_split split, od_dataset **out,
                          od_error *error) OD_MUST_CHECK;

// What od_dataset_open would give, after the checks that need no more than sizes, headers and
// labels: a file that is cut off or of another data set is found, a pixel that is wrong is not.
od_status od_dataset_measure(const od_data_spec *spec, od_split split, od_dataset_size *out,
                             od_error *error) OD_MUST_CHECK;
void od_dataset_free(od_dataset *dataset); // NULL is fine

#endif
