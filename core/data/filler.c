// SPDX-License-Identifier: Apache-2.0
#include "core/data/filler.h"

#include "core/data/reader.h"

#include <stdlib.h>

struct od_filler {
    const od_dataset *dataset;
    const od_transform *transform;
    uint64_t seed;
    bool skip;
    od_reader *reader;
    od_transform_scratch *scratch;
    int64_t epoch, sample; // that are being filled, for the hint
};

od_status od_filler_new(const od_dataset *dataset, const od_transform *transform, uint64_t seed,
                        bool skip, od_filler **out, od_error *error) {
    od_filler *filler = calloc(1, sizeof *filler);
    if (filler == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to load images");
    }
    *filler = (od_filler){.dataset = dataset, .transform = transform, .seed = seed, .skip = skip};
    od_status status = od_reader_new(dataset, &filler->reader, error);
    if (status == OD_OK) {
        status = od_transform_scratch_new(transform, &filler->scratch, error);
    }
    if (status != OD_OK) {
        od_filler_free(filler);
        return status;
    }
    *out = filler;
    return OD_OK;
}

void od_filler_free(od_filler *filler) {
    if (filler != NULL) {
        od_transform_scratch_free(filler->scratch);
        od_reader_free(filler->reader);
        free(filler);
    }
}

static int scale_of(void *ctx, int64_t width, int64_t height) {
    const od_filler *filler = ctx;
    return od_transform_hint(filler->transform, width, height, filler->seed, filler->epoch,
                             filler->sample);
}

static od_status fill_one(od_filler *filler, float *out, bool *undecodable, od_error *error) {
    const od_decode_hint hint = {scale_of, filler};
    const od_image *image = NULL;
    od_status status = od_reader_read(filler->reader, filler->sample, &hint, &image, error);
    *undecodable = status == OD_E_CORRUPT || status == OD_E_TOO_LARGE || status == OD_E_UNSUPPORTED;
    OD_TRY(status);
    return od_transform_apply(filler->transform, filler->scratch, image, filler->seed,
                              filler->epoch, filler->sample, out, error);
}

static od_status give_up(const od_filler *filler, int skipped, od_error *error) {
    const od_error last = *error;
    if (filler->skip) {
        return od_error_set(error, last.status,
                            "%d images in a row cannot be decoded; the last: %s", skipped,
                            last.text);
    }
    return od_error_set(error, last.status,
                        "%s; repair it, or give data.on_error \"skip\" to go on without it",
                        last.text);
}

od_status od_filler_fill(od_filler *filler, int64_t epoch, int64_t sample, float *out,
                         int32_t *label, int *skipped, od_error *error) {
    od_error own;
    filler->epoch = epoch;
    for (int i = 0;; i++) {
        bool undecodable;
        filler->sample = (sample + i) % filler->dataset->count;
        od_status status = fill_one(filler, out, &undecodable, &own);
        if (status == OD_OK) {
            *label = filler->dataset->labels[filler->sample];
            *skipped = i;
            return OD_OK;
        }
        bool last = i + 1 == OD_FILLER_MAX_SKIPS || i + 1 == filler->dataset->count;
        if (undecodable && (!filler->skip || last)) {
            status = give_up(filler, i + 1, &own);
        }
        if (i == 0 || !filler->skip || !undecodable || last) {
            od_error_set(error, status, "%s", own.text);
        }
        if (!filler->skip || !undecodable || last) {
            return status;
        }
    }
}
