// SPDX-License-Identifier: Apache-2.0
// A file of the cache, version 1: the header below, then samples, containers and names as they lie
// in memory (little-endian). Everything behind the checksum is covered by it, and what it leads to
// is checked again: a cache must never be able to make a run read beyond its memory.
#include "core/data/index.h"

#include "base/file.h"
#include "core/data/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { VERSION = 1, MAX_FILE_BYTES = 0x7fffffff };

typedef struct cache_header {
    char magic[8];
    uint32_t version;
    uint32_t checksum; // CRC-32 of what follows, the data included
    uint64_t fingerprint;
    uint64_t samples_bytes, containers_bytes, names_bytes;
} cache_header;

static const char MAGIC[8] = "ODINDEX";

static uint32_t checksum_of(const char *file, size_t size) {
    const size_t first = offsetof(cache_header, fingerprint);
    return (uint32_t)crc32_z(0, (const Bytef *)file + first, size - first);
}

static od_status assemble(const od_index *index, uint64_t fingerprint, od_buffer *file) {
    const cache_header header = {
        .version = VERSION,
        .fingerprint = fingerprint,
        .samples_bytes = index->samples.size,
        .containers_bytes = index->containers.size,
        .names_bytes = index->names.size,
    };
    OD_TRY(od_buffer_reserve(file, sizeof header + (size_t)od_index_bytes(index)));
    OD_TRY(od_buffer_append(file, &header, sizeof header));
    OD_TRY(od_buffer_append(file, index->samples.data, index->samples.size));
    OD_TRY(od_buffer_append(file, index->containers.data, index->containers.size));
    OD_TRY(od_buffer_append(file, index->names.data, index->names.size));
    uint32_t checksum = checksum_of(file->data, file->size);
    memcpy(file->data, MAGIC, sizeof MAGIC);
    memcpy(file->data + offsetof(cache_header, checksum), &checksum, sizeof checksum);
    return OD_OK;
}

od_status od_index_store(const od_index *index, const char *path, uint64_t fingerprint,
                         od_error *error) {
    od_buffer file = {0};
    od_status status = assemble(index, fingerprint, &file);
    status = status == OD_OK ? od_cache_store(path, file.data, file.size, error)
                             : od_error_set(error, status, "%s: no memory to write it", path);
    od_buffer_fini(&file);
    return status;
}

// --- reading ------------------------------------------------------------------------------

static bool fits_file(const cache_header *header, const od_buffer *file, uint64_t fingerprint) {
    const uint64_t data = file->size - sizeof *header;
    return memcmp(header->magic, MAGIC, sizeof MAGIC) == 0 && header->version == VERSION &&
           header->fingerprint == fingerprint && header->samples_bytes <= data &&
           header->containers_bytes <= data && header->names_bytes <= data &&
           header->samples_bytes + header->containers_bytes + header->names_bytes == data &&
           header->samples_bytes % sizeof(od_index_sample) == 0 &&
           header->containers_bytes % sizeof(uint64_t) == 0 &&
           header->checksum == checksum_of(file->data, file->size);
}

static bool is_sound(const od_index *index, int32_t classes) {
    const size_t names = index->names.size;
    const size_t containers = index->containers.size / sizeof(uint64_t);
    const uint64_t *container = (const void *)index->containers.data;
    if (names == 0 || index->names.data[names - 1] != '\0' || od_index_count(index) == 0) {
        return false;
    }
    for (size_t i = 0; i < containers; i++) {
        if (container[i] >= names) {
            return false;
        }
    }
    for (int64_t i = 0; i < od_index_count(index); i++) {
        const od_index_sample *sample = od_index_at(index, i);
        if (sample->container >= containers || sample->label < 0 || sample->label >= classes ||
            (sample->bytes == 0 && sample->at >= names)) {
            return false;
        }
    }
    return true;
}

static od_status take_parts(const od_buffer *file, const cache_header *header, od_index *out) {
    const char *next = file->data + sizeof *header;
    OD_TRY(od_buffer_append(&out->samples, next, header->samples_bytes));
    next += header->samples_bytes;
    OD_TRY(od_buffer_append(&out->containers, next, header->containers_bytes));
    next += header->containers_bytes;
    return od_buffer_append(&out->names, next, header->names_bytes);
}

static od_status read_index(const od_buffer *file, const char *path, uint64_t fingerprint,
                            int32_t classes, od_index *out, od_error *error) {
    cache_header header;
    if (file->size < sizeof header) {
        return od_error_set(error, OD_E_CORRUPT, "%s is no index", path);
    }
    memcpy(&header, file->data, sizeof header);
    if (!fits_file(&header, file, fingerprint)) {
        return od_error_set(error, OD_E_CORRUPT, "%s is damaged or out of date", path);
    }
    if (take_parts(file, &header, out) != OD_OK) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory to read it", path);
    }
    return is_sound(out, classes)
               ? OD_OK
               : od_error_set(error, OD_E_CORRUPT, "%s leads out of itself", path);
}

od_status od_index_load(const char *path, uint64_t fingerprint, int32_t classes, od_index *out,
                        od_error *error) {
    od_buffer file = {0};
    od_status status = od_file_read(path, MAX_FILE_BYTES, &file, error);
    if (status == OD_OK) {
        status = read_index(&file, path, fingerprint, classes, out, error);
    }
    od_buffer_fini(&file);
    if (status != OD_OK) {
        od_index_fini(out);
    }
    return status;
}
