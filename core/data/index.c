// SPDX-License-Identifier: Apache-2.0
#include "core/data/index.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CONTAINERS = 1000000 };

static od_status no_memory(const od_index *index, od_error *error) {
    return od_error_set(error, OD_E_NO_MEMORY, "no memory for an index of %lld samples",
                        (long long)od_index_count(index));
}

// Where the name comes to lie.
static od_status add_name(od_index *index, const char *name, uint64_t *at, od_error *error) {
    *at = index->names.size;
    if (od_buffer_append(&index->names, name, strlen(name) + 1) != OD_OK) {
        return no_memory(index, error);
    }
    return OD_OK;
}

static od_status add_sample(od_index *index, const od_index_sample *sample, od_error *error) {
    if (od_index_count(index) >= OD_INDEX_MAX_SAMPLES) {
        return od_error_set(error, OD_E_TOO_LARGE, "a data set of more than %d samples",
                            OD_INDEX_MAX_SAMPLES);
    }
    if (od_buffer_append(&index->samples, sample, sizeof *sample) != OD_OK) {
        return no_memory(index, error);
    }
    return OD_OK;
}

od_status od_index_add_container(od_index *index, const char *name, uint32_t *number,
                                 od_error *error) {
    uint64_t at;
    size_t count = index->containers.size / sizeof at;
    if (count >= MAX_CONTAINERS) {
        return od_error_set(error, OD_E_TOO_LARGE, "a data set of more than %d folders or shards",
                            MAX_CONTAINERS);
    }
    OD_TRY(add_name(index, name, &at, error));
    if (od_buffer_append(&index->containers, &at, sizeof at) != OD_OK) {
        return no_memory(index, error);
    }
    *number = (uint32_t)count;
    return OD_OK;
}

od_status od_index_add_file(od_index *index, uint32_t container, const char *name, int32_t label,
                            od_error *error) {
    od_index_sample sample = {.container = container, .label = label};
    OD_TRY(add_name(index, name, &sample.at, error));
    return add_sample(index, &sample, error);
}

od_status od_index_add_bytes(od_index *index, uint32_t container, int64_t at, int64_t bytes,
                             int32_t label, od_error *error) {
    const od_index_sample sample = {
        .at = (uint64_t)at, .container = container, .bytes = (uint32_t)bytes, .label = label};
    return add_sample(index, &sample, error);
}

void od_index_fini(od_index *index) {
    od_buffer_fini(&index->samples);
    od_buffer_fini(&index->containers);
    od_buffer_fini(&index->names);
}

int64_t od_index_count(const od_index *index) {
    return (int64_t)(index->samples.size / sizeof(od_index_sample));
}

int64_t od_index_bytes(const od_index *index) {
    return (int64_t)(index->samples.size + index->containers.size + index->names.size);
}

const od_index_sample *od_index_at(const od_index *index, int64_t sample) {
    return (const od_index_sample *)(const void *)index->samples.data + sample;
}

od_status od_index_path(const od_index *index, const char *root, int64_t sample,
                        char out[OD_DATASETS_PATH_BYTES], od_error *error) {
    const od_index_sample *place = od_index_at(index, sample);
    const uint64_t *containers = (const void *)index->containers.data;
    const char *container = index->names.data + containers[place->container];
    bool is_file = place->bytes == 0;
    int length = snprintf(out, OD_DATASETS_PATH_BYTES, "%s/%s%s%s", root, container,
                          is_file ? "/" : "", is_file ? index->names.data + place->at : "");
    return length < OD_DATASETS_PATH_BYTES
               ? OD_OK
               : od_error_set(error, OD_E_TOO_LARGE, "a path below data.root has %d bytes", length);
}
