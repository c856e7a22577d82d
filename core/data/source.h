// SPDX-License-Identifier: Apache-2.0
// How the files of a data set become samples: one source for each od_dataset_format.
#ifndef OD_CORE_DATA_SOURCE_H
#define OD_CORE_DATA_SOURCE_H

#include "base/datasets.h"
#include "core/data/dataset.h"

typedef struct od_source {
    // Checks what can be told without reading every pixel, and says what a run will hold, without
    // limits. The errors are those of open.
    od_status (*size)(const od_dataset_facts *facts, const char *root, od_split split,
                      od_dataset_size *out, od_error *error);
    // Fills count, labels and pixels (or what stands for them) of a dataset that has the facts
    // already. After a failure od_dataset_free frees what is there.
    od_status (*open)(const od_dataset_facts *facts, const char *root, od_split split,
                      od_dataset *out, od_error *error);
} od_source;

extern const od_source od_source_idx, od_source_cifar, od_source_tree;

#endif
