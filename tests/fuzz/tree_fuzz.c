// SPDX-License-Identifier: Apache-2.0
// What describes the samples of a tree: WebDataset's shards with their labels, Tiny ImageNet's
// annotations, and the cached index. The first byte says which. Every sample of an index has a class
// that there is and lies in a container that there is.
#include "core/data/tree.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <zlib.h>

enum { CLASSES = 2, FINGERPRINT = 7, CRC_AT = 12, COVERED_AT = 16 };

static char *classes[CLASSES] = {"n01", "n02"};

static void check_index(const od_index *index) {
    char path[OD_DATASETS_PATH_BYTES];
    FUZZ_CHECK(od_index_count(index) > 0);
    for (int64_t i = 0; i < od_index_count(index); i++) {
        const od_index_sample *sample = od_index_at(index, i);
        FUZZ_CHECK(sample->label >= 0 && sample->label < CLASSES);
        FUZZ_CHECK(sample->container < index->containers.size / sizeof(uint64_t));
        (void)od_index_path(index, "/root", i, path, NULL);
    }
}

static void build(const od_tree_layout *layout, const char *root, od_listing shards) {
    od_dataset_facts facts = *od_datasets_find("tiny-imagenet");
    od_index index = {0};
    facts.classes = CLASSES;
    const od_tree tree = {
        .facts = &facts,
        .root = root,
        .split = OD_SPLIT_EVAL,
        .classes = {classes, CLASSES},
        .shards = shards,
    };
    if (layout->build(&tree, &index, NULL) == OD_OK) {
        check_index(&index);
    }
    od_index_fini(&index);
}

static void read_shard(const uint8_t *data, size_t size) {
    static char *names[] = {"shard.tar"};
    build(&od_tree_shards, fuzz_folder("shard.tar", data, size), (od_listing){names, 1});
}

static void read_annotations(const uint8_t *data, size_t size) {
    (void)fuzz_folder("val/images/a.JPEG", NULL, 0);
    build(&od_tree_annotated, fuzz_folder("val/val_annotations.txt", data, size), (od_listing){0});
}

// With the checksum that the bytes should have, so that what is behind it is reached.
static void read_cache(const uint8_t *data, size_t size) {
    od_index index = {0};
    uint8_t *bytes = (uint8_t *)fuzz_text(data, size);
    if (size >= COVERED_AT) {
        uint32_t checksum = (uint32_t)crc32_z(0, bytes + COVERED_AT, size - COVERED_AT);
        memcpy(bytes + CRC_AT, &checksum, sizeof checksum);
    }
    const char *path = fuzz_file(0, bytes, size);
    if (od_index_load(path, FINGERPRINT, CLASSES, &index, NULL) == OD_OK) {
        check_index(&index);
    }
    od_index_fini(&index);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const readers[])(const uint8_t *, size_t) = {read_shard, read_annotations,
                                                               read_cache};
    if (size > 0) {
        readers[data[0] % (sizeof readers / sizeof readers[0])](data + 1, size - 1);
    }
    return 0;
}
