// SPDX-License-Identifier: Apache-2.0
// Batches as a pure function of (seed, epoch, batch index): order, then pixels as a transform
// makes them.
#ifndef OD_CORE_DATA_LOADER_H
#define OD_CORE_DATA_LOADER_H

#include "core/data/dataset.h"
#include "core/data/transform.h"

#include <stdbool.h>

typedef struct od_loader od_loader;

// Borrows dataset and transform until od_loader_free. drop_last: training; the incomplete last batch is kept
// otherwise. Allocates everything here, nothing later.
od_status od_loader_new(const od_dataset *dataset, const od_transform *transform,
                        int64_t batch_size, bool shuffle, bool drop_last, uint64_t seed,
                        od_loader **out, od_error *error) OD_MUST_CHECK;
void od_loader_free(od_loader *loader); // NULL is fine

int64_t od_loader_batches(const od_loader *loader); // per epoch

// images [n, image_size, image_size, channels] by od_transform_apply; labels [n]. *count = n, which
// is batch_size but for a kept last batch. batch in [0, od_loader_batches()). Errors are those of
// od_transform_apply.
od_status od_loader_fill(od_loader *loader, int64_t epoch, int64_t batch, float *images,
                         int32_t *labels, int64_t *count, od_error *error) OD_MUST_CHECK;

#endif
