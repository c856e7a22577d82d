// SPDX-License-Identifier: Apache-2.0
// WebDataset's layout: members of a tar shard that follow each other and have the same name up to
// the first dot are a sample, what is behind the dot says which part. A sample has an image (jpg,
// jpeg or png) and its class (cls, a decimal number); other parts are left aside.
#include "core/data/decode.h"
#include "core/data/tar.h"
#include "core/data/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// --- the shards ---------------------------------------------------------------------------

static bool is_tar(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".tar") == 0;
}

// Leaves the shards of the split.
static void keep_prefix(od_listing *listing, const char *prefix) {
    size_t kept = 0;
    for (size_t i = 0; i < listing->count; i++) {
        if (strncmp(listing->names[i], prefix, strlen(prefix)) == 0) {
            listing->names[kept++] = listing->names[i];
        } else {
            free(listing->names[i]);
        }
    }
    listing->count = kept;
}

// They are numbered from 0 without gaps, so a missing one shows.
static od_status check_numbers(const od_tree *tree, const char *prefix, od_error *error) {
    for (size_t i = 0; i < tree->shards.count; i++) {
        char *end;
        const char *digits = tree->shards.names[i] + strlen(prefix);
        unsigned long long number = strtoull(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || number != i || strcmp(end, ".tar") != 0) {
            return od_error_set(error, OD_E_CORRUPT,
                                "%s has the shard %s where number %zu should be; shards are "
                                "numbered from 0, and all must be there",
                                tree->root, tree->shards.names[i], i);
        }
    }
    return OD_OK;
}

static od_status survey_shards(od_tree *tree, od_error *error) {
    const char *prefix = tree->facts->shards[tree->split == OD_SPLIT_TRAIN ? 0 : 1];
    OD_TRY(od_listing_read(tree->root, OD_LISTING_FILES, is_tar, &tree->shards, error));
    keep_prefix(&tree->shards, prefix);
    if (tree->shards.count == 0) {
        return od_error_set(error, OD_E_NOT_FOUND, "%s has no shards called %s*.tar", tree->root,
                            prefix);
    }
    OD_TRY(check_numbers(tree, prefix, error));
    for (size_t i = 0; i < tree->shards.count; i++) {
        OD_TRY(od_tree_note(tree, tree->shards.names[i], error));
    }
    return OD_OK;
}

// --- the samples --------------------------------------------------------------------------

typedef struct shard_walk {
    const od_tree *tree;
    od_index *index;
    uint32_t container;
    od_tar tar;
    // the sample that is being put together
    char key[OD_TAR_NAME_BYTES]; // "": none
    int64_t image_at, image_bytes;
    int32_t label; // -1: none yet
    bool *seen;    // [classes]
} shard_walk;

static od_status fault(const shard_walk *walk, const char *what, od_error *error) {
    return od_error_set(error, OD_E_CORRUPT, "%s: the sample %.200s %s", walk->tar.path, walk->key,
                        what);
}

// Splits a name in front of the first dot behind the last slash: "a/b.seg.png" is "a/b" and
// "seg.png". NULL: there is nothing on one of the sides.
static const char *split_name(const char *name, size_t *key_length) {
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    const char *dot = strchr(base, '.');
    if (dot == NULL || dot == base || dot[1] == '\0') {
        return NULL;
    }
    *key_length = (size_t)(dot - name);
    return dot + 1;
}

static bool is_image_part(const char *part) {
    return strcasecmp(part, "jpg") == 0 || strcasecmp(part, "jpeg") == 0 ||
           strcasecmp(part, "png") == 0;
}

static od_status take_image(shard_walk *walk, const od_tar_member *member, od_error *error) {
    if (walk->image_bytes > 0) {
        return fault(walk, "has two images", error);
    }
    if (member->bytes == 0 || member->bytes > OD_DECODE_MAX_FILE_BYTES) {
        return fault(walk, "has an image that is empty or too large", error);
    }
    walk->image_at = member->offset;
    walk->image_bytes = member->bytes;
    return OD_OK;
}

static od_status take_label(shard_walk *walk, const od_tar_member *member, od_error *error) {
    char text[16] = {0};
    char *end;
    if (walk->label >= 0) {
        return fault(walk, "has two classes", error);
    }
    if (member->bytes >= (int64_t)sizeof text) {
        return fault(walk, "has a class that is no number", error);
    }
    OD_TRY(od_tar_read(&walk->tar, member->offset, text, member->bytes, error));
    long label = strtol(text, &end, 10);
    if (end == text || end[strspn(end, " \r\n")] != '\0') {
        return fault(walk, "has a class that is no number", error);
    }
    if (label < 0 || label >= walk->tree->facts->classes) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: the sample %.200s has the class %ld; classes are 0 to %d",
                            walk->tar.path, walk->key, label, walk->tree->facts->classes - 1);
    }
    walk->label = (int32_t)label;
    return OD_OK;
}

// The sample is complete when the next one begins or the shard ends.
static od_status finish_sample(shard_walk *walk, od_error *error) {
    bool parts = walk->image_bytes > 0 || walk->label >= 0;
    if (parts && walk->image_bytes == 0) {
        return fault(walk, "has no image (jpg, jpeg or png)", error);
    }
    if (parts && walk->label < 0) {
        return fault(walk, "has no class (cls)", error);
    }
    if (parts) {
        walk->seen[walk->label] = true;
        OD_TRY(od_index_add_bytes(walk->index, walk->container, walk->image_at, walk->image_bytes,
                                  walk->label, error));
    }
    walk->key[0] = '\0';
    walk->image_bytes = 0;
    walk->label = -1;
    return OD_OK;
}

static od_status take_member(shard_walk *walk, const od_tar_member *member, od_error *error) {
    size_t length = 0;
    const char *part = split_name(member->name, &length);
    if (part == NULL) {
        return OD_OK;
    }
    if (strncmp(walk->key, member->name, length) != 0 || walk->key[length] != '\0') {
        OD_TRY(finish_sample(walk, error));
        memcpy(walk->key, member->name, length);
        walk->key[length] = '\0';
    }
    if (is_image_part(part)) {
        return take_image(walk, member, error);
    }
    return strcasecmp(part, "cls") == 0 ? take_label(walk, member, error) : OD_OK;
}

static od_status walk_members(shard_walk *walk, od_error *error) {
    for (;;) {
        od_tar_member member;
        bool end = false;
        OD_TRY(od_tar_next(&walk->tar, &member, &end, error));
        if (end) {
            return finish_sample(walk, error);
        }
        OD_TRY(take_member(walk, &member, error));
    }
}

static od_status walk_shard(shard_walk *walk, const char *name, od_error *error) {
    char path[OD_DATASETS_PATH_BYTES];
    OD_TRY(od_tree_path(walk->tree, path, error, "%s", name));
    OD_TRY(od_index_add_container(walk->index, name, &walk->container, error));
    OD_TRY(od_tar_open(&walk->tar, path, error));
    od_status status = walk_members(walk, error);
    od_tar_close(&walk->tar);
    return status;
}

static od_status check_classes(const shard_walk *walk, od_error *error) {
    const od_tree *tree = walk->tree;
    int found = 0;
    for (int c = 0; c < tree->facts->classes; c++) {
        found += walk->seen[c];
    }
    if (found == tree->facts->classes) {
        return OD_OK;
    }
    return od_error_set(error, OD_E_CORRUPT,
                        "the %zu shards %s/%s... have samples of %d classes; %s has %d: are shards "
                        "missing?",
                        tree->shards.count, tree->root, tree->shards.names[0], found,
                        tree->facts->name, tree->facts->classes);
}

static od_status build_shards(const od_tree *tree, od_index *out, od_error *error) {
    shard_walk *walk = calloc(1, sizeof *walk);
    bool *seen = calloc((size_t)tree->facts->classes, sizeof *seen);
    od_status status = OD_OK;
    if (walk == NULL || seen == NULL) {
        status = od_error_set(error, OD_E_NO_MEMORY, "no memory to read shards");
        goto done;
    }
    *walk = (shard_walk){.tree = tree, .index = out, .label = -1, .seen = seen};
    for (size_t i = 0; i < tree->shards.count && status == OD_OK; i++) {
        status = walk_shard(walk, tree->shards.names[i], error);
    }
    if (status == OD_OK) {
        status = check_classes(walk, error);
    }
done:
    free(seen);
    free(walk);
    return status;
}

const od_tree_layout od_tree_shards = {.survey = survey_shards, .build = build_shards};
