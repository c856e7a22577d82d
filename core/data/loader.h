// SPDX-License-Identifier: Apache-2.0
// Batches as a pure function of (seed, epoch, batch index): order, then normalised float32 pixels.
#ifndef OD_CORE_DATA_LOADER_H
#define OD_CORE_DATA_LOADER_H

#include "core/data/dataset.h"

#include <stdbool.h>

typedef struct od_loader od_loader;

// Borrows dataset until od_loader_free. drop_last: training; the incomplete last batch is kept
// otherwise. Allocates everything here, nothing later.
od_status od_loader_new(const od_dataset *dataset, int64_t batch_size, bool shuffle, bool drop_last,
                        uint64_t seed, od_loader **out, od_error *error) OD_MUST_CHECK;
void od_loader_free(od_loader *loader); // NULL is fine

int64_t od_loader_batches(const od_loader *loader); // per epoch

// images [n, height, width, channels] = (pixel/255 - mean) / std; labels [n]. Returns n, which is
// batch_size but for a kept last batch. batch in [0, od_loader_batches()).
int64_t od_loader_fill(od_loader *loader, int64_t epoch, int64_t batch, float *images,
                       int32_t *labels);

#endif
