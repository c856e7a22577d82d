// SPDX-License-Identifier: Apache-2.0
// Batches as a pure function of (seed, epoch, batch): order, then pixels as a transform makes them.
// Threads fill the batches that come next, over the end of an epoch too, while the one that was
// taken is in use; neither their number nor their speed changes a value.
#ifndef OD_CORE_DATA_LOADER_H
#define OD_CORE_DATA_LOADER_H

#include "core/data/dataset.h"
#include "core/data/transform.h"

#include <stdbool.h>

typedef struct od_loader od_loader;

typedef struct od_loader_options {
    int64_t batch_size;
    bool shuffle;
    bool drop_last; // training: the incomplete last batch is left out, and behind an epoch comes
                    // the next one. Otherwise it is kept, and nothing is loaded beyond the end
    bool skip_undecodable; // as od_filler_fill does; otherwise such an image is an error
    uint64_t seed;
    int threads; // that load ahead; 0: none, a batch is filled when it is taken
} od_loader_options;

// For a split of a spec: none where images lie in memory and are only normalised, which is less
// work than handing it over; else half of spec->threads, at least one, beside those that compute.
int od_loader_threads(const od_spec *spec, od_split split);

// Bytes of the batches that a loader with so many threads keeps: values floats an image.
int64_t od_loader_bytes(int64_t batch_size, int64_t values, int threads);

// Borrows dataset and transform until od_loader_free. Allocates everything here; later only the
// memory for decoding grows, until it holds the largest image.
od_status od_loader_new(const od_dataset *dataset, const od_transform *transform,
                        const od_loader_options *options, od_loader **out,
                        od_error *error) OD_MUST_CHECK;
// Stops the threads; what they are at is thrown away. NULL is fine.
void od_loader_free(od_loader *loader);

int64_t od_loader_batches(const od_loader *loader); // per epoch

typedef struct od_batch {
    int64_t count;           // batch_size but for a kept last batch
    float *images;           // [count, image_size, image_size, channels]; the borrower's to change
    int32_t *labels;         // [count]
    int64_t skipped;         // images that could not be decoded and were replaced
    const char *skip_reason; // of the first of them, or NULL
} od_batch;

// The batch, in [0, od_loader_batches()), of the epoch; borrowed until the next call. Taking them
// in turn is what is loaded ahead for; any other order gives the same batches later. Errors are
// those of od_filler_fill for the first sample of the batch that has one; the loader goes on.
od_status od_loader_take(od_loader *loader, int64_t epoch, int64_t batch, od_batch *out,
                         od_error *error) OD_MUST_CHECK;

// What of the epoch of the last taken batch has been taken so far, batches that another process took
// before a resume included. digest: 64-bit FNV-1a over the number, the label and the first two
// words of the augmentation's stream of each sample, in order, little-endian: runs that have the
// same digest saw the same images, drawn alike, in the same order.
typedef struct od_loader_report {
    int64_t epoch, samples;
    uint64_t digest;
    int64_t skipped; // by this process
} od_loader_report;

od_loader_report od_loader_report_of(const od_loader *loader);

#endif
