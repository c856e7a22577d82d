// SPDX-License-Identifier: Apache-2.0
// The cache folder: files that can be made anew at any time and only save the time for it. Nothing
// in it is trusted further than its reader can check it.
#ifndef OD_CORE_DATA_CACHE_H
#define OD_CORE_DATA_CACHE_H

#include "base/datasets.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// FNV-1a, 64 bits, a byte at a time: for the names of these files and for fingerprints. Start from
// OD_CACHE_HASH_START, or go on from an earlier hash.
#define OD_CACHE_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t od_cache_hash(uint64_t hash, const void *bytes, size_t size);

// The file called name in $CACHE_DIRECTORY, $XDG_CACHE_HOME/orthod or ~/.cache/orthod. False: there
// is no such folder to be had.
bool od_cache_path(const char *name, char out[OD_DATASETS_PATH_BYTES]);

// Writes all of path, which od_cache_path has named, and makes the folder when it is not there.
od_status od_cache_store(const char *path, const void *bytes, size_t size,
                         od_error *error) OD_MUST_CHECK;

#endif
