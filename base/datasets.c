// SPDX-License-Identifier: Apache-2.0
#include "base/datasets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define IDX_FILES                                                                   \
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", \
        "t10k-labels-idx1-ubyte"
#define IMAGENET_MEAN 0.485f, 0.456f, 0.406f
#define IMAGENET_STD 0.229f, 0.224f, 0.225f

const od_dataset_facts od_datasets[] = {
    {.name = "mnist",
     .default_root = "/usr/share/datasets/mnist",
     .format = OD_DATASET_IDX,
     .channels = 1,
     .image_size = 28,
     .classes = 10,
     .patch_size = 7,
     .train_count = 60000,
     .eval_count = 10000,
     .mean = {0},
     .std = {1},
     .files = {IDX_FILES}},
    {.name = "fashion-mnist",
     .default_root = "/usr/share/datasets/fashion-mnist",
     .package = "dataset-fashion-mnist",
     .format = OD_DATASET_IDX,
     .channels = 1,
     .image_size = 28,
     .classes = 10,
     .patch_size = 7,
     .train_count = 60000,
     .eval_count = 10000,
     .mean = {0.2860f},
     .std = {0.3530f},
     .files = {IDX_FILES}},
    {.name = "cifar10",
     .default_root = "/usr/share/datasets/cifar10",
     .format = OD_DATASET_CIFAR,
     .channels = 3,
     .image_size = 32,
     .classes = 10,
     .patch_size = 4,
     .train_count = 50000,
     .eval_count = 10000,
     .mean = {0.4914f, 0.4822f, 0.4465f},
     .std = {0.2470f, 0.2435f, 0.2616f},
     .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
               "data_batch_5.bin", "test_batch.bin"}},
    {.name = "cifar100",
     .default_root = "/usr/share/datasets/cifar100",
     .format = OD_DATASET_CIFAR,
     .channels = 3,
     .image_size = 32,
     .classes = 100,
     .patch_size = 4,
     .train_count = 50000,
     .eval_count = 10000,
     .mean = {0.5071f, 0.4867f, 0.4408f},
     .std = {0.2675f, 0.2565f, 0.2761f},
     .files = {"train.bin", "test.bin"}},
    {.name = "tiny-imagenet",
     .default_root = "/usr/share/datasets/tiny-imagenet",
     .format = OD_DATASET_TINY,
     .channels = 3,
     .image_size = 64,
     .classes = 200,
     .patch_size = 8,
     .train_count = 100000,
     .eval_count = 10000,
     .mean = {IMAGENET_MEAN},
     .std = {IMAGENET_STD},
     .files = {"train", "val", "val/images", "val/val_annotations.txt"}},
    {.name = "imagenet1k",
     .default_root = "/usr/share/datasets/imagenet1k",
     .format = OD_DATASET_IMAGENET,
     .channels = 3,
     .image_size = 224,
     .classes = 1000,
     .patch_size = 16,
     .train_count = 1281167,
     .eval_count = 50000,
     .mean = {IMAGENET_MEAN},
     .std = {IMAGENET_STD},
     .files = {"train", "val"},
     .shards = {"imagenet1k-train-", "imagenet1k-validation-"}},
    {.name = NULL},
};

const od_dataset_facts *od_datasets_find(const char *name) {
    for (const od_dataset_facts *facts = od_datasets; facts->name != NULL; facts++) {
        if (strcmp(facts->name, name) == 0) {
            return facts;
        }
    }
    return NULL;
}

// Whether there is a file in root whose name begins like that of a shard.
static bool has_shard(const char *root, const char *prefix) {
    DIR *folder = opendir(root);
    bool found = false;
    for (const struct dirent *entry;
         folder != NULL && !found && (entry = readdir(folder)) != NULL;) {
        const char *ending = strrchr(entry->d_name, '.');
        found = strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && ending != NULL &&
                strcmp(ending, ".tar") == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

bool od_datasets_sharded(const od_dataset_facts *facts, const char *root) {
    return facts->shards[0] != NULL && has_shard(root, facts->shards[0]);
}

// What a person can do about a missing file.
static od_status missing(const od_dataset_facts *facts, const char *root, const char *file,
                         od_error *error) {
    const char *either = facts->format == OD_DATASET_IDX ? "(.gz)" : "";
    if (strcmp(root, facts->default_root) != 0) {
        bool packaged = facts->package != NULL;
        return od_error_set(error, OD_E_NOT_FOUND,
                            "%s: %s/%s%s is not there; data.root must be the folder with the data "
                            "set's files%s%s%s",
                            facts->name, root, file, either,
                            packaged ? "; without it those of the Debian package " : "",
                            packaged ? facts->package : "", packaged ? " are read" : "");
    }
    if (facts->package != NULL) {
        return od_error_set(error, OD_E_NOT_FOUND, "%s: %s/%s%s is not there; apt-get install %s",
                            facts->name, root, file, either, facts->package);
    }
    return od_error_set(error, OD_E_NOT_FOUND,
                        "%s: %s/%s%s is not there and no Debian package has it; put the data set's "
                        "files there or name their folder in data.root",
                        facts->name, root, file, either);
}

od_status od_datasets_file(const od_dataset_facts *facts, const char *root, const char *file,
                           char out[OD_DATASETS_PATH_BYTES], od_error *error) {
    static const char *const endings[] = {"", ".gz"};
    for (int i = 0; i < (facts->format == OD_DATASET_IDX ? 2 : 1); i++) {
        int length = snprintf(out, OD_DATASETS_PATH_BYTES, "%s/%s%s", root, file, endings[i]);
        if (length >= OD_DATASETS_PATH_BYTES) {
            return od_error_set(error, OD_E_TOO_LARGE, "%s: a path below data.root has %d bytes",
                                facts->name, length);
        }
        struct stat info;
        if (stat(out, &info) == 0) {
            return OD_OK;
        }
        if (errno != ENOENT && errno != ENOTDIR) {
            return od_error_set_errno(error, errno, "%s: %s", facts->name, out);
        }
    }
    return missing(facts, root, file, error);
}

od_status od_datasets_locate(const char *name, const char *root, char out[OD_DATASETS_PATH_BYTES],
                             od_error *error) {
    const od_dataset_facts *facts = od_datasets_find(name);
    if (facts == NULL) {
        return od_error_set(error, OD_E_INVALID, "there is no data set \"%s\"", name);
    }
    if (root == NULL) {
        root = facts->default_root;
    }
    bool sharded = od_datasets_sharded(facts, root);
    if (sharded && !has_shard(root, facts->shards[1])) {
        return od_error_set(error, OD_E_NOT_FOUND,
                            "%s: %s has training shards and no evaluation shards (%s*.tar)", name,
                            root, facts->shards[1]);
    }
    for (int i = 0; !sharded && i < OD_DATASETS_FILES && facts->files[i] != NULL; i++) {
        OD_TRY(od_datasets_file(facts, root, facts->files[i], out, error));
    }
    snprintf(out, OD_DATASETS_PATH_BYTES, "%s", root);
    return OD_OK;
}
