// SPDX-License-Identifier: Apache-2.0
// Where each sample of a large data set lies, and its label: a file in a folder, or a run of bytes
// in a tar shard. Folders and shards are its containers, named below the data set's root.
//
// Walking a million files takes a while, so an index is kept in a file of its own in the cache
// folder (never in the data set's), with a fingerprint of what it was made from. A file that does
// not fit, is damaged or is of another version is as good as none.
#ifndef OD_CORE_DATA_INDEX_H
#define OD_CORE_DATA_INDEX_H

#include "base/buffer.h"
#include "base/datasets.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { OD_INDEX_MAX_SAMPLES = 100000000 };

typedef struct od_index_sample {
    uint64_t at;        // of a file: where its name is in od_index.names; in a shard: first byte
    uint32_t container; // its number
    uint32_t bytes;     // in the shard; 0: the container is a folder and the sample a file in it
    int32_t label;
    uint32_t reserved; // 0
} od_index_sample;

typedef struct od_index {
    od_buffer samples;    // of od_index_sample
    od_buffer containers; // of uint64_t: where the container's name is in names
    od_buffer names;      // each with its NUL
} od_index;

// (od_index){0} is an empty one. All fail with OD_E_NO_MEMORY or OD_E_TOO_LARGE.
od_status od_index_add_container(od_index *index, const char *name, uint32_t *number,
                                 od_error *error) OD_MUST_CHECK;
od_status od_index_add_file(od_index *index, uint32_t container, const char *name, int32_t label,
                            od_error *error) OD_MUST_CHECK;
od_status od_index_add_bytes(od_index *index, uint32_t container, int64_t at, int64_t bytes,
                             int32_t label, od_error *error) OD_MUST_CHECK;
void od_index_fini(od_index *index); // {0} is fine

int64_t od_index_count(const od_index *index);
int64_t od_index_bytes(const od_index *index); // of memory
const od_index_sample *od_index_at(const od_index *index, int64_t sample);
// Names a sample's file below the root, or the shard it lies in. OD_E_TOO_LARGE.
od_status od_index_path(const od_index *index, const char *root, int64_t sample,
                        char out[OD_DATASETS_PATH_BYTES], od_error *error) OD_MUST_CHECK;

// --- the cache ----------------------------------------------------------------------------

od_status od_index_store(const od_index *index, const char *path, uint64_t fingerprint,
                         od_error *error) OD_MUST_CHECK;
// OD_E_NOT_FOUND or OD_E_CORRUPT: to be made anew; out is empty then.
od_status od_index_load(const char *path, uint64_t fingerprint, int32_t classes, od_index *out,
                        od_error *error) OD_MUST_CHECK;

#endif
