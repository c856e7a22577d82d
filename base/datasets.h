// SPDX-License-Identifier: Apache-2.0
// The data sets there are: facts that daemon and worker both need, and where the files lie.
// Nothing is ever fetched: a data set is on this machine, or the error says how it gets there.
#ifndef OD_BASE_DATASETS_H
#define OD_BASE_DATASETS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { OD_DATASETS_PATH_BYTES = 4096, OD_DATASETS_FILES = 6 };

typedef enum od_dataset_format {
    OD_DATASET_IDX,      // two pairs of IDX files, each plain or with ".gz"
    OD_DATASET_CIFAR,    // records of label bytes and planes of pixels
    OD_DATASET_TINY,     // train/CLASS/images/, val/images/ and val/val_annotations.txt
    OD_DATASET_IMAGENET, // train/CLASS/ and val/CLASS/, or tar shards in WebDataset's layout
} od_dataset_format;

typedef struct od_dataset_facts {
    const char *name;         // as in data.dataset
    const char *default_root; // the folder where a null data.root looks
    const char *package;      // the Debian package that fills default_root, or NULL
    od_dataset_format format;
    int channels, image_size, classes;
    int patch_size;                  // a ViT's own, where model.patch_size is null
    int64_t train_count, eval_count; // images of the published files
    float mean[3], std[3];           // per channel, of pixels scaled to [0, 1]
    // Below the root. IDX: training images, training labels, evaluation images, evaluation labels.
    // CIFAR: training files, then the one evaluation file. Others: the folders that must be there.
    const char *files[OD_DATASETS_FILES];
    // Instead of files: what the names of the tar shards begin with, training then evaluation.
    const char *shards[2];
} od_dataset_facts;

extern const od_dataset_facts od_datasets[]; // ends with a row whose name is NULL

// The row called name, or NULL.
const od_dataset_facts *od_datasets_find(const char *name);

// The folder that holds every file of a data set: root, or its default where root is NULL, into
// out. OD_E_INVALID: no such data set. OD_E_NOT_FOUND: the error names the path that was looked
// at and the package or the files that are missing.
od_status od_datasets_locate(const char *name, const char *root, char out[OD_DATASETS_PATH_BYTES],
                             od_error *error) OD_MUST_CHECK;

// Whether root holds tar shards of the training split, which then count and not the folders.
bool od_datasets_sharded(const od_dataset_facts *facts, const char *root);

// The path of file below root into out: root/file, else (IDX) root/file.gz. OD_E_NOT_FOUND as
// above.
od_status od_datasets_file(const od_dataset_facts *facts, const char *root, const char *file,
                           char out[OD_DATASETS_PATH_BYTES], od_error *error) OD_MUST_CHECK;

#endif
