// SPDX-License-Identifier: Apache-2.0
// Finds the source of a data set, gives it the facts and applies the limits.
#include "core/data/dataset.h"

#include "base/datasets.h"
#include "core/data/index.h"
#include "core/data/source.h"

#include <stdlib.h>

static const od_source *const sources[] = {
    [OD_DATASET_IDX] = &od_source_idx,
    [OD_DATASET_CIFAR] = &od_source_cifar,
    [OD_DATASET_TINY] = &od_source_tree,
    [OD_DATASET_IMAGENET] = &od_source_tree,
};

static int64_t limit_of(const od_data_spec *spec, od_split split, int64_t count) {
    int64_t limit = split == OD_SPLIT_TRAIN ? spec->limit_train : spec->limit_eval;
    return limit > 0 && limit < count ? limit : count;
}

static od_status find(const char *name, const od_dataset_facts **out, od_error *error) {
    *out = od_datasets_find(name);
    return *out != NULL ? OD_OK
                        : od_error_set(error, OD_E_INVALID, "there is no data set \"%s\"", name);
}

static void take_facts(od_dataset *dataset, const od_dataset_facts *facts) {
    dataset->height = dataset->width = facts->image_size;
    dataset->channels = facts->channels;
    dataset->classes = facts->classes;
}

// Keeps the first count samples and gives the memory of the others back.
static void cut(od_dataset *dataset, int64_t count) {
    dataset->count = count;
    if (dataset->pixels == NULL) {
        return;
    }
    int64_t bytes = count * dataset->height * dataset->width * dataset->channels;
    uint8_t *pixels = realloc(dataset->pixels, (size_t)bytes);
    dataset->pixels = pixels != NULL ? pixels : dataset->pixels;
}

od_status od_dataset_open(const od_data_spec *spec, od_split split, od_dataset **out,
                          od_error *error) {
    const od_dataset_facts *facts = NULL;
    OD_TRY(find(spec->dataset, &facts, error));
    od_dataset *dataset = calloc(1, sizeof *dataset);
    if (dataset == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a data set");
    }
    take_facts(dataset, facts);
    od_status status = sources[facts->format]->open(facts, spec->root, split, dataset, error);
    if (status != OD_OK) {
        od_dataset_free(dataset);
        return status;
    }
    cut(dataset, limit_of(spec, split, dataset->count));
    *out = dataset;
    return OD_OK;
}

od_status od_dataset_measure(const od_data_spec *spec, od_split split, od_dataset_size *out,
                             od_error *error) {
    const od_dataset_facts *facts = NULL;
    OD_TRY(find(spec->dataset, &facts, error));
    OD_TRY(sources[facts->format]->size(facts, spec->root, split, out, error));
    int64_t count = limit_of(spec, split, out->count);
    out->bytes = out->bytes / out->count * count;
    out->count = count;
    return OD_OK;
}

void od_dataset_free(od_dataset *dataset) {
    if (dataset != NULL) {
        free(dataset->pixels);
        free(dataset->labels);
        if (dataset->index != NULL) {
            od_index_fini(dataset->index);
        }
        free(dataset->index);
        free(dataset->root);
        free(dataset);
    }
}
