// SPDX-License-Identifier: Apache-2.0
#include "core/data/dataset.h"

#include "base/datasets.h"
#include "core/data/idx.h"

#include <stdlib.h>
#include <string.h>

// Where the two files of a split stand in od_dataset_facts.files.
static const int images_of[] = {[OD_SPLIT_TRAIN] = 0, [OD_SPLIT_EVAL] = 2};
static const int labels_of[] = {[OD_SPLIT_TRAIN] = 1, [OD_SPLIT_EVAL] = 3};

typedef struct idx_pair {
    char images_path[OD_DATASETS_PATH_BYTES], labels_path[OD_DATASETS_PATH_BYTES];
    od_idx images, labels;
} idx_pair;

static od_status check_pair(const idx_pair *pair, int classes, od_error *error) {
    if (pair->images.count == 0) {
        return od_error_set(error, OD_E_CORRUPT, "%s has no images", pair->images_path);
    }
    if (pair->images.count != pair->labels.count) {
        return od_error_set(error, OD_E_CORRUPT, "%s has %lld labels, but %s has %lld images",
                            pair->labels_path, (long long)pair->labels.count, pair->images_path,
                            (long long)pair->images.count);
    }
    for (int64_t i = 0; i < pair->labels.count; i++) {
        if (pair->labels.bytes[i] >= classes) {
            return od_error_set(error, OD_E_CORRUPT, "%s: label %lld is %d; the largest is %d",
                                pair->labels_path, (long long)i, pair->labels.bytes[i],
                                classes - 1);
        }
    }
    return OD_OK;
}

static od_status read_pair(idx_pair *pair, const od_dataset_facts *facts, const char *root,
                           od_split split, od_error *error) {
    const int64_t shape[] = {facts->image_size, facts->image_size};
    OD_TRY(od_datasets_file(facts, root, facts->files[images_of[split]], pair->images_path, error));
    OD_TRY(od_datasets_file(facts, root, facts->files[labels_of[split]], pair->labels_path, error));
    OD_TRY(od_idx_read(pair->images_path, 3, shape, &pair->images, error));
    OD_TRY(od_idx_read(pair->labels_path, 1, NULL, &pair->labels, error));
    return check_pair(pair, facts->classes, error);
}

// Takes the pixels of pair, cut to count images.
static od_status take_pair(od_dataset *dataset, idx_pair *pair, int64_t count, od_error *error) {
    size_t bytes = (size_t)(count * dataset->height * dataset->width * dataset->channels);
    dataset->labels = malloc((size_t)count * sizeof *dataset->labels);
    if (dataset->labels == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld labels", (long long)count);
    }
    for (int64_t i = 0; i < count; i++) {
        dataset->labels[i] = pair->labels.bytes[i];
    }
    uint8_t *cut = realloc(pair->images.bytes, bytes);
    dataset->pixels = cut != NULL ? cut : pair->images.bytes;
    pair->images.bytes = NULL;
    dataset->count = count;
    return OD_OK;
}

static int64_t limit_of(const od_data_spec *spec, od_split split, int64_t count) {
    int64_t limit = split == OD_SPLIT_TRAIN ? spec->limit_train : spec->limit_eval;
    return limit > 0 && limit < count ? limit : count;
}

static od_status fill(od_dataset *dataset, const od_dataset_facts *facts, const od_data_spec *spec,
                      od_split split, od_error *error) {
    dataset->height = dataset->width = facts->image_size;
    dataset->channels = facts->channels;
    dataset->classes = facts->classes;
    idx_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a data set");
    }
    od_status status = read_pair(pair, facts, spec->root, split, error);
    if (status == OD_OK) {
        status = take_pair(dataset, pair, limit_of(spec, split, pair->images.count), error);
    }
    free(pair->images.bytes);
    free(pair->labels.bytes);
    free(pair);
    return status;
}

static od_status find_readable(const char *name, const od_dataset_facts **out, od_error *error) {
    const od_dataset_facts *facts = od_datasets_find(name);
    if (facts == NULL) {
        return od_error_set(error, OD_E_INVALID, "there is no data set \"%s\"", name);
    }
    if (!facts->readable) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "%s: this version cannot read it; use mnist or fashion-mnist",
                            facts->name);
    }
    *out = facts;
    return OD_OK;
}

od_status od_dataset_open(const od_data_spec *spec, od_split split, od_dataset **out,
                          od_error *error) {
    const od_dataset_facts *facts = NULL;
    OD_TRY(find_readable(spec->dataset, &facts, error));
    od_dataset *dataset = calloc(1, sizeof *dataset);
    if (dataset == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a data set");
    }
    od_status status = fill(dataset, facts, spec, split, error);
    if (status != OD_OK) {
        od_dataset_free(dataset);
        return status;
    }
    *out = dataset;
    return OD_OK;
}

od_status od_dataset_count(const od_data_spec *spec, od_split split, int64_t *out,
                           od_error *error) {
    const od_dataset_facts *facts = NULL;
    char path[OD_DATASETS_PATH_BYTES];
    int64_t count = 0;
    OD_TRY(find_readable(spec->dataset, &facts, error));
    const int64_t shape[] = {facts->image_size, facts->image_size};
    OD_TRY(od_datasets_file(facts, spec->root, facts->files[images_of[split]], path, error));
    OD_TRY(od_idx_count(path, 3, shape, &count, error));
    if (count == 0) {
        return od_error_set(error, OD_E_CORRUPT, "%s has no images", path);
    }
    *out = limit_of(spec, split, count);
    return OD_OK;
}

void od_dataset_free(od_dataset *dataset) {
    if (dataset != NULL) {
        free(dataset->pixels);
        free(dataset->labels);
        free(dataset);
    }
}
