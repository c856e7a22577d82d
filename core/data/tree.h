// SPDX-License-Identifier: Apache-2.0
// Data sets whose images stay in files until they are needed. A layout surveys what there is (the
// folders or shards, which are few) and builds the index of all samples from it; the survey's
// fingerprint tells whether an index that was built before still holds.
#ifndef OD_CORE_DATA_TREE_H
#define OD_CORE_DATA_TREE_H

#include "core/data/dataset.h"
#include "core/data/index.h"
#include "core/data/listing.h"

typedef struct od_tree {
    const od_dataset_facts *facts;
    const char *root;
    od_split split;
    od_listing classes; // names of the class folders, sorted: a class's place is its label
    od_listing shards;  // names of the shards, sorted
    uint64_t fingerprint;
} od_tree;

typedef struct od_tree_layout {
    // Lists and checks the folders or shards, and notes each. OD_E_CORRUPT: too few or too many.
    od_status (*survey)(od_tree *tree, od_error *error);
    // OD_E_CORRUPT: names the folder without images, the archive that is damaged, the wrong label.
    od_status (*build)(const od_tree *tree, od_index *out, od_error *error);
} od_tree_layout;

extern const od_tree_layout od_tree_folders;   // train/CLASS/, or train/CLASS/images/
extern const od_tree_layout od_tree_annotated; // val/images/ and val/val_annotations.txt
extern const od_tree_layout od_tree_shards;

// Takes the time of change and the size of a file or folder below the root into the fingerprint.
od_status od_tree_note(od_tree *tree, const char *below, od_error *error) OD_MUST_CHECK;

// root/below, with below made by printf.
od_status od_tree_path(const od_tree *tree, char out[OD_DATASETS_PATH_BYTES], od_error *error,
                       const char *below, ...) OD_MUST_CHECK __attribute__((format(printf, 4, 5)));

#endif
