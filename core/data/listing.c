// SPDX-License-Identifier: Apache-2.0
#include "core/data/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool od_listing_is_image(const char *name) {
    static const char *const endings[] = {".jpeg", ".jpg", ".png"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(name + length - ending, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

// The file system says what an entry is, or has to be asked.
static bool is_kind(DIR *folder, const struct dirent *entry, od_listing_kind kind) {
    if (entry->d_type == DT_REG || entry->d_type == DT_DIR) {
        return (entry->d_type == DT_DIR) == (kind == OD_LISTING_FOLDERS);
    }
    struct stat info;
    return fstatat(dirfd(folder), entry->d_name, &info, 0) == 0 &&
           (kind == OD_LISTING_FOLDERS ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode));
}

static od_status append(od_listing *listing, const char *name) {
    // Room grows by doubling: full whenever count is a power of two.
    if ((listing->count & (listing->count - 1)) == 0) {
        size_t capacity = listing->count == 0 ? 1 : 2 * listing->count;
        char **names = realloc(listing->names, capacity * sizeof *names);
        if (names == NULL) {
            return OD_E_NO_MEMORY;
        }
        listing->names = names;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return OD_E_NO_MEMORY;
    }
    listing->names[listing->count++] = copy;
    return OD_OK;
}

static od_status read_entries(DIR *folder, const char *path, od_listing_kind kind,
                              bool (*wanted)(const char *), od_listing *out, od_error *error) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            return errno == 0 ? OD_OK : od_error_set_errno(error, errno, "%s: cannot read", path);
        }
        bool fits = entry->d_name[0] != '.' && (wanted == NULL || wanted(entry->d_name)) &&
                    is_kind(folder, entry, kind);
        if (fits && append(out, entry->d_name) != OD_OK) {
            return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for its %zu names", path,
                                out->count);
        }
    }
}

static int compare(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

od_status od_listing_read(const char *folder, od_listing_kind kind, bool (*wanted)(const char *),
                          od_listing *out, od_error *error) {
    DIR *opened = opendir(folder);
    if (opened == NULL) {
        return od_error_set_errno(error, errno, "%s: cannot open the folder", folder);
    }
    od_status status = read_entries(opened, folder, kind, wanted, out, error);
    closedir(opened);
    if (status == OD_OK && out->count > 0) {
        qsort(out->names, out->count, sizeof *out->names, compare);
    }
    return status;
}

bool od_listing_has(const od_listing *listing, const char *name) {
    return listing->count > 0 &&
           bsearch(&name, listing->names, listing->count, sizeof *listing->names, compare) != NULL;
}

void od_listing_fini(od_listing *listing) {
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->names[i]);
    }
    free(listing->names);
    *listing = (od_listing){0};
}
