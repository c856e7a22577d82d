// SPDX-License-Identifier: Apache-2.0
// Images in folders, one a class; and tiny-imagenet's evaluation split, whose images lie together
// and whose classes a file of annotations tells. Labels follow the sorted names of the training
// folders, as torchvision's ImageFolder numbers them.
#include "core/data/tree.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ANNOTATIONS_BYTES = 64 << 20 };

// --- class folders ------------------------------------------------------------------------

static od_status list_classes(od_tree *tree, const char *split, od_listing *out, od_error *error) {
    char path[OD_DATASETS_PATH_BYTES];
    OD_TRY(od_tree_path(tree, path, error, "%s", split));
    OD_TRY(od_listing_read(path, OD_LISTING_FOLDERS, NULL, out, error));
    if (out->count != (size_t)tree->facts->classes) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s has %zu class folders; %s has %d classes: put each class in a "
                            "folder of its own there",
                            path, out->count, tree->facts->name, tree->facts->classes);
    }
    return od_tree_note(tree, split, error);
}

// The evaluation split must have the folders of the training split, or labels mean another thing.
static od_status check_same_classes(od_tree *tree, od_error *error) {
    od_listing eval = {0};
    od_status status = list_classes(tree, "val", &eval, error);
    for (size_t i = 0; status == OD_OK && i < eval.count; i++) {
        if (strcmp(eval.names[i], tree->classes.names[i]) != 0) {
            status = od_error_set(error, OD_E_CORRUPT,
                                  "%s/val has the folder %s, and %s/train the folder %s in its "
                                  "place; both must have the same classes",
                                  tree->root, eval.names[i], tree->root, tree->classes.names[i]);
        }
    }
    od_listing_fini(&eval);
    return status;
}

// Of a class, below the root.
static void folder_of(const od_tree *tree, size_t class, char out[OD_DATASETS_PATH_BYTES]) {
    snprintf(out, OD_DATASETS_PATH_BYTES, "%s/%s%s",
             tree->split == OD_SPLIT_TRAIN ? "train" : "val", tree->classes.names[class],
             tree->facts->format == OD_DATASET_TINY ? "/images" : "");
}

static od_status survey_folders(od_tree *tree, od_error *error) {
    OD_TRY(list_classes(tree, "train", &tree->classes, error));
    if (tree->split == OD_SPLIT_EVAL) {
        OD_TRY(check_same_classes(tree, error));
    }
    for (size_t c = 0; c < tree->classes.count; c++) {
        char folder[OD_DATASETS_PATH_BYTES];
        folder_of(tree, c, folder);
        OD_TRY(od_tree_note(tree, folder, error));
    }
    return OD_OK;
}

static od_status add_images(od_index *index, const char *folder, const od_listing *images,
                            int32_t label, od_error *error) {
    uint32_t container;
    OD_TRY(od_index_add_container(index, folder, &container, error));
    for (size_t i = 0; i < images->count; i++) {
        OD_TRY(od_index_add_file(index, container, images->names[i], label, error));
    }
    return OD_OK;
}

static od_status add_class(const od_tree *tree, size_t class, od_index *out, od_error *error) {
    char folder[OD_DATASETS_PATH_BYTES];
    char path[OD_DATASETS_PATH_BYTES];
    od_listing images = {0};
    folder_of(tree, class, folder);
    OD_TRY(od_tree_path(tree, path, error, "%s", folder));
    od_status status = od_listing_read(path, OD_LISTING_FILES, od_listing_is_image, &images, error);
    if (status == OD_OK && images.count == 0) {
        status =
            od_error_set(error, OD_E_CORRUPT,
                         "%s has no images; a file's name must end in .jpeg, .jpg or .png", path);
    }
    if (status == OD_OK) {
        status = add_images(out, folder, &images, (int32_t) class, error);
    }
    od_listing_fini(&images);
    return status;
}

static od_status build_folders(const od_tree *tree, od_index *out, od_error *error) {
    for (size_t c = 0; c < tree->classes.count; c++) {
        OD_TRY(add_class(tree, c, out, error));
    }
    return OD_OK;
}

const od_tree_layout od_tree_folders = {.survey = survey_folders, .build = build_folders};

// --- annotations --------------------------------------------------------------------------

static const char IMAGES[] = "val/images";
static const char ANNOTATIONS[] = "val/val_annotations.txt";

static od_status survey_annotated(od_tree *tree, od_error *error) {
    OD_TRY(list_classes(tree, "train", &tree->classes, error));
    OD_TRY(od_tree_note(tree, IMAGES, error));
    return od_tree_note(tree, ANNOTATIONS, error);
}

static int compare(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

// "FILE\tCLASS\t..." of line number, NUL-terminated.
static od_status add_line(const od_tree *tree, char *line, int number, const od_listing *images,
                          od_index *out, od_error *error) {
    char *rest = NULL;
    const char *file = strtok_r(line, "\t", &rest);
    const char *class = file != NULL ? strtok_r(NULL, "\t\r", &rest) : NULL;
    if (class == NULL) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s/%s: line %d is not a file and its class, with a tab between",
                            tree->root, ANNOTATIONS, number);
    }
    char **found = bsearch(&class, tree->classes.names, tree->classes.count,
                           sizeof *tree->classes.names, compare);
    if (found == NULL) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s/%s: line %d has the class \"%.64s\", which has no folder in train",
                            tree->root, ANNOTATIONS, number, class);
    }
    if (!od_listing_has(images, file)) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s/%s: line %d names \"%.64s\", which is not in %s", tree->root,
                            ANNOTATIONS, number, file, IMAGES);
    }
    return od_index_add_file(out, 0, file, (int32_t)(found - tree->classes.names), error);
}

static od_status add_lines(const od_tree *tree, char *text, const od_listing *images, od_index *out,
                           od_error *error) {
    uint32_t container;
    OD_TRY(od_index_add_container(out, IMAGES, &container, error));
    for (int number = 1; text != NULL && *text != '\0'; number++) {
        char *line = strsep(&text, "\n");
        OD_TRY(add_line(tree, line, number, images, out, error));
    }
    if (od_index_count(out) == 0) {
        return od_error_set(error, OD_E_CORRUPT, "%s/%s has no lines", tree->root, ANNOTATIONS);
    }
    return OD_OK;
}

static od_status build_annotated(const od_tree *tree, od_index *out, od_error *error) {
    char path[OD_DATASETS_PATH_BYTES];
    od_listing images = {0};
    od_buffer text = {0};
    OD_TRY(od_tree_path(tree, path, error, "%s", IMAGES));
    od_status status = od_listing_read(path, OD_LISTING_FILES, NULL, &images, error);
    if (status == OD_OK) {
        status = od_tree_path(tree, path, error, "%s", ANNOTATIONS);
    }
    if (status == OD_OK) {
        status = od_file_read(path, MAX_ANNOTATIONS_BYTES, &text, error);
    }
    if (status == OD_OK) {
        status = add_lines(tree, text.data, &images, out, error);
    }
    od_buffer_fini(&text);
    od_listing_fini(&images);
    return status;
}

const od_tree_layout od_tree_annotated = {.survey = survey_annotated, .build = build_annotated};
