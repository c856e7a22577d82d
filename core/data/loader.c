// SPDX-License-Identifier: Apache-2.0
// The order of an epoch is a Fisher-Yates shuffle whose draws come from (seed, epoch); it is kept
// until another epoch is asked for.
#include "core/data/loader.h"

#include "core/data/reader.h"
#include "core/rng/philox.h"

#include <assert.h>
#include <stdlib.h>

struct od_loader {
    const od_dataset *dataset;
    const od_transform *transform;
    od_transform_scratch *scratch;
    od_reader *reader;
    int64_t batch_size, batches;
    bool shuffle;
    uint64_t seed;
    int64_t epoch;   // of order; -1: none yet
    uint32_t *order; // [dataset->count]
};

od_status od_loader_new(const od_dataset *dataset, const od_transform *transform,
                        int64_t batch_size, bool shuffle, bool drop_last, uint64_t seed,
                        od_loader **out, od_error *error) {
    if (dataset->count < 1 || dataset->count > UINT32_MAX || batch_size < 1) {
        return od_error_set(error, OD_E_INVALID, "cannot make batches of %lld from %lld images",
                            (long long)batch_size, (long long)dataset->count);
    }
    od_transform_scratch *scratch = NULL;
    od_reader *reader = NULL;
    OD_TRY(od_transform_scratch_new(transform, &scratch, error));
    od_status status = od_reader_new(dataset, &reader, error);
    if (status != OD_OK) {
        od_transform_scratch_free(scratch);
        return status;
    }
    od_loader *loader = calloc(1, sizeof *loader);
    uint32_t *order = malloc((size_t)dataset->count * sizeof *order);
    if (loader == NULL || order == NULL) {
        free(loader);
        free(order);
        od_reader_free(reader);
        od_transform_scratch_free(scratch);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the order of %lld images",
                            (long long)dataset->count);
    }
    *loader = (od_loader){
        .dataset = dataset,
        .transform = transform,
        .scratch = scratch,
        .reader = reader,
        .batch_size = batch_size,
        .batches = (dataset->count + (drop_last ? 0 : batch_size - 1)) / batch_size,
        .shuffle = shuffle,
        .seed = seed,
        .epoch = -1,
        .order = order,
    };
    *out = loader;
    return OD_OK;
}

void od_loader_free(od_loader *loader) {
    if (loader != NULL) {
        free(loader->order);
        od_reader_free(loader->reader);
        od_transform_scratch_free(loader->scratch);
        free(loader);
    }
}

int64_t od_loader_batches(const od_loader *loader) {
    return loader->batches;
}

static void make_order(od_loader *loader, int64_t epoch) {
    if (loader->epoch == epoch) {
        return;
    }
    uint32_t count = (uint32_t)loader->dataset->count;
    for (uint32_t i = 0; i < count; i++) {
        loader->order[i] = i;
    }
    if (loader->shuffle) {
        od_philox draws;
        od_philox_init(&draws, loader->seed, OD_PURPOSE_SHUFFLE, (uint32_t)epoch, 0);
        for (uint32_t i = count - 1; i > 0; i--) {
            uint32_t j = od_philox_below(&draws, i + 1);
            uint32_t swapped = loader->order[i];
            loader->order[i] = loader->order[j];
            loader->order[j] = swapped;
        }
    }
    loader->epoch = epoch;
}

od_status od_loader_fill(od_loader *loader, int64_t epoch, int64_t batch, float *images,
                         int32_t *labels, int64_t *count, od_error *error) {
    assert(batch >= 0 && batch < loader->batches);
    make_order(loader, epoch);
    const od_dataset *dataset = loader->dataset;
    int64_t first = batch * loader->batch_size;
    int64_t rest = dataset->count - first;
    int64_t values = od_transform_values(loader->transform);
    *count = rest < loader->batch_size ? rest : loader->batch_size;
    for (int64_t i = 0; i < *count; i++) {
        int64_t sample = loader->order[first + i];
        const od_image *image = NULL;
        OD_TRY(od_reader_read(loader->reader, sample, NULL, &image, error));
        OD_TRY(od_transform_apply(loader->transform, loader->scratch, image, loader->seed, epoch,
                                  sample, images + i * values, error));
        labels[i] = dataset->labels[sample];
    }
    return OD_OK;
}
