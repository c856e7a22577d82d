// SPDX-License-Identifier: Apache-2.0
// MNIST and its like: a file of images and a file of labels.
#include "core/data/idx.h"
#include "core/data/source.h"

#include <stdlib.h>

// Where the two files of a split stand in od_dataset_facts.files.
static const int images_of[] = {[OD_SPLIT_TRAIN] = 0, [OD_SPLIT_EVAL] = 2};
static const int labels_of[] = {[OD_SPLIT_TRAIN] = 1, [OD_SPLIT_EVAL] = 3};

typedef struct idx_pair {
    char images_path[OD_DATASETS_PATH_BYTES], labels_path[OD_DATASETS_PATH_BYTES];
    od_idx images, labels; // of images only the count, when they are not read
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

// Labels are small and always read whole.
static od_status read_pair(idx_pair *pair, const od_dataset_facts *facts, const char *root,
                           od_split split, bool pixels, od_error *error) {
    const int64_t shape[] = {facts->image_size, facts->image_size};
    OD_TRY(od_datasets_file(facts, root, facts->files[images_of[split]], pair->images_path, error));
    OD_TRY(od_datasets_file(facts, root, facts->files[labels_of[split]], pair->labels_path, error));
    if (pixels) {
        OD_TRY(od_idx_read(pair->images_path, 3, shape, &pair->images, error));
    } else {
        OD_TRY(od_idx_check(pair->images_path, 3, shape, &pair->images.count, error));
    }
    OD_TRY(od_idx_read(pair->labels_path, 1, NULL, &pair->labels, error));
    return check_pair(pair, facts->classes, error);
}

static od_status take_pair(od_dataset *dataset, idx_pair *pair, od_error *error) {
    int64_t count = pair->images.count;
    dataset->labels = malloc((size_t)count * sizeof *dataset->labels);
    if (dataset->labels == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld labels", (long long)count);
    }
    for (int64_t i = 0; i < count; i++) {
        dataset->labels[i] = pair->labels.bytes[i];
    }
    dataset->pixels = pair->images.bytes;
    pair->images.bytes = NULL;
    dataset->count = count;
    return OD_OK;
}

static od_status with_pair(const od_dataset_facts *facts, const char *root, od_split split,
                           od_dataset *dataset, int64_t *count, od_error *error) {
    idx_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a data set");
    }
    od_status status = read_pair(pair, facts, root, split, dataset != NULL, error);
    *count = pair->images.count;
    if (status == OD_OK && dataset != NULL) {
        status = take_pair(dataset, pair, error);
    }
    free(pair->images.bytes);
    free(pair->labels.bytes);
    free(pair);
    return status;
}

static od_status open_idx(const od_dataset_facts *facts, const char *root, od_split split,
                          od_dataset *out, od_error *error) {
    int64_t count;
    return with_pair(facts, root, split, out, &count, error);
}

static od_status size_idx(const od_dataset_facts *facts, const char *root, od_split split,
                          od_dataset_size *out, od_error *error) {
    int64_t image = (int64_t)facts->image_size * facts->image_size * facts->channels;
    OD_TRY(with_pair(facts, root, split, NULL, &out->count, error));
    out->bytes = out->count * (image + (int64_t)sizeof(int32_t));
    return OD_OK;
}

const od_source od_source_idx = {.size = size_idx, .open = open_idx};
