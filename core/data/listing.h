// SPDX-License-Identifier: Apache-2.0
// The names in a folder, sorted by their bytes, so that no order of a file system shows in a run.
#ifndef OD_CORE_DATA_LISTING_H
#define OD_CORE_DATA_LISTING_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum od_listing_kind { OD_LISTING_FOLDERS, OD_LISTING_FILES } od_listing_kind;

typedef struct od_listing {
    char **names;
    size_t count;
} od_listing;

// The entries of one kind that wanted takes (NULL: all); a link counts as what it leads to. Names
// that begin with a dot are left out. Starts from (od_listing){0}.
od_status od_listing_read(const char *folder, od_listing_kind kind, bool (*wanted)(const char *),
                          od_listing *out, od_error *error) OD_MUST_CHECK;
void od_listing_fini(od_listing *listing); // {0} is fine

// Whether name is in the listing.
bool od_listing_has(const od_listing *listing, const char *name);

// Whether name ends like a JPEG or PNG file, in letters of any case.
bool od_listing_is_image(const char *name);

#endif
