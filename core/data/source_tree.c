// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "core/data/cache.h"
#include "core/data/source.h"
#include "core/data/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// --- what layouts use ---------------------------------------------------------------------

static uint64_t fold_text(uint64_t hash, const char *text) {
    return od_cache_hash(hash, text, strlen(text) + 1);
}

od_status od_tree_path(const od_tree *tree, char out[OD_DATASETS_PATH_BYTES], od_error *error,
                       const char *below, ...) {
    int used = snprintf(out, OD_DATASETS_PATH_BYTES, "%s/", tree->root);
    int more = 0;
    if (used < OD_DATASETS_PATH_BYTES) {
        va_list arguments;
        va_start(arguments, below);
        more = vsnprintf(out + used, (size_t)(OD_DATASETS_PATH_BYTES - used), below, arguments);
        va_end(arguments);
    }
    if (more < 0 || used + more >= OD_DATASETS_PATH_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s: a path below data.root has %d bytes",
                            tree->facts->name, used + more);
    }
    return OD_OK;
}

od_status od_tree_note(od_tree *tree, const char *below, od_error *error) {
    char path[OD_DATASETS_PATH_BYTES];
    struct stat info;
    OD_TRY(od_tree_path(tree, path, error, "%s", below));
    if (stat(path, &info) != 0) {
        return od_error_set_errno(error, errno, "%s: %s", tree->facts->name, path);
    }
    const int64_t facts[] = {(int64_t)info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                             info.st_size};
    tree->fingerprint = fold_text(tree->fingerprint, below);
    tree->fingerprint = od_cache_hash(tree->fingerprint, facts, sizeof facts);
    return OD_OK;
}

// --- survey, cache, build -----------------------------------------------------------------

static const od_tree_layout *layout_of(const od_tree *tree) {
    if (tree->facts->format == OD_DATASET_TINY && tree->split == OD_SPLIT_EVAL) {
        return &od_tree_annotated;
    }
    return od_datasets_sharded(tree->facts, tree->root) ? &od_tree_shards : &od_tree_folders;
}

// The cache must not be what a run fails of: without it the next one takes as long as this.
static void keep(const od_index *index, const char *path, uint64_t fingerprint) {
    od_error error = {0};
    char reason[OD_ERROR_TEXT_BYTES];
    if (od_index_store(index, path, fingerprint, &error) != OD_OK) {
        od_log(OD_LOG_INFO, "the index of the data set is not kept", "reason=%s",
               od_log_quote(reason, sizeof reason, error.text));
    }
}

static od_status find_or_build(const od_tree *tree, const od_tree_layout *layout, od_index *out,
                               od_error *error) {
    char name[128];
    char path[OD_DATASETS_PATH_BYTES];
    od_error ignored;
    snprintf(name, sizeof name, "%s-%s-%016llx.index", tree->facts->name,
             tree->split == OD_SPLIT_TRAIN ? "train" : "eval",
             (unsigned long long)fold_text(OD_CACHE_HASH_START, tree->root));
    bool cached = od_cache_path(name, path);
    if (cached &&
        od_index_load(path, tree->fingerprint, tree->facts->classes, out, &ignored) == OD_OK) {
        return OD_OK;
    }
    od_status status = layout->build(tree, out, error);
    if (status == OD_OK && cached) {
        keep(out, path, tree->fingerprint);
    }
    return status;
}

static od_status make_index(const od_dataset_facts *facts, const char *root, od_split split,
                            od_index *out, od_error *error) {
    od_tree tree = {.facts = facts, .root = root, .split = split};
    const od_tree_layout *layout = layout_of(&tree);
    od_status status = layout->survey(&tree, error);
    if (status == OD_OK) {
        status = find_or_build(&tree, layout, out, error);
    }
    od_listing_fini(&tree.classes);
    od_listing_fini(&tree.shards);
    if (status != OD_OK) {
        od_index_fini(out);
    }
    return status;
}

// --- the source ---------------------------------------------------------------------------

static od_status size_tree(const od_dataset_facts *facts, const char *root, od_split split,
                           od_dataset_size *out, od_error *error) {
    od_index index = {0};
    OD_TRY(make_index(facts, root, split, &index, error));
    out->count = od_index_count(&index);
    out->bytes = od_index_bytes(&index) + out->count * (int64_t)sizeof(int32_t);
    od_index_fini(&index);
    return OD_OK;
}

static od_status open_tree(const od_dataset_facts *facts, const char *root, od_split split,
                           od_dataset *out, od_error *error) {
    out->index = calloc(1, sizeof *out->index);
    out->root = strdup(root);
    if (out->index == NULL || out->root == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for an index");
    }
    OD_TRY(make_index(facts, root, split, out->index, error));
    out->count = od_index_count(out->index);
    out->labels = malloc((size_t)out->count * sizeof *out->labels);
    if (out->labels == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld labels",
                            (long long)out->count);
    }
    for (int64_t i = 0; i < out->count; i++) {
        out->labels[i] = od_index_at(out->index, i)->label;
    }
    return OD_OK;
}

const od_source od_source_tree = {.size = size_tree, .open = open_tree};
