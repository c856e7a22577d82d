// SPDX-License-Identifier: Apache-2.0
// A source yields the bytes of a file in order, plain or inflated, so that the checks of the format
// are written once. Inflating by hand, not by gzread, which takes garbage behind the stream for
// its end.
#include "core/data/idx.h"

#include "base/file.h"
#include "core/data/sound.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
    MAX_FILE_BYTES = 1 << 30,
    HEADER_PART_BYTES = 1 << 16, // of a file, plain or packed, that has the whole IDX header
    TYPE_UINT8 = 0x08,
    DEFLATE_MAX_RATIO = 1032,
};

typedef struct byte_source {
    const char *path;
    od_buffer file;  // the whole of it, or its first part
    size_t position; // in file; of plain files
    bool packed;
    z_stream inflater; // of packed files
} byte_source;

static od_status load_part(byte_source *source, od_error *error) {
    FILE *file = fopen(source->path, "rbe");
    if (file == NULL) {
        return od_error_set_errno(error, errno, "%s: cannot open", source->path);
    }
    od_status status = od_buffer_reserve(&source->file, HEADER_PART_BYTES);
    if (status == OD_OK) {
        source->file.size = fread(source->file.data, 1, HEADER_PART_BYTES, file);
        if (ferror(file)) {
            status = od_error_set_errno(error, errno, "%s: cannot read", source->path);
        }
    } else {
        od_error_set(error, status, "%s: no memory to read it", source->path);
    }
    fclose(file);
    return status;
}

// The whole file, or its first part.
static od_status load_file(byte_source *source, bool whole, od_error *error) {
    struct stat info;
    if (stat(source->path, &info) != 0) {
        return od_error_set_errno(error, errno, "%s", source->path);
    }
    if (!S_ISREG(info.st_mode)) {
        return od_error_set(error, OD_E_CORRUPT, "%s is not a file but a %s", source->path,
                            S_ISDIR(info.st_mode) ? "folder" : "device, pipe or socket");
    }
    if (whole) {
        return od_file_read(source->path, MAX_FILE_BYTES, &source->file, error);
    }
    return load_part(source, error);
}

static od_status source_init(byte_source *source, const char *path, bool whole, od_error *error) {
    *source = (byte_source){.path = path};
    od_status status = load_file(source, whole, error);
    if (status != OD_OK) {
        goto err_file;
    }
    const unsigned char *bytes = (const unsigned char *)source->file.data;
    source->packed = source->file.size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    if (source->packed) {
        source->inflater.next_in = (Bytef *)source->file.data;
        source->inflater.avail_in = (uInt)source->file.size;
        if (inflateInit2(&source->inflater, 15 + 16) != Z_OK) { // 16: a gzip header and no other
            status = od_error_set(error, OD_E_NO_MEMORY, "%s: no memory to inflate it", path);
            goto err_file;
        }
    }
    return OD_OK;

err_file:
    od_buffer_fini(&source->file);
    return status;
}

static void source_fini(byte_source *source) {
    if (source->packed) {
        inflateEnd(&source->inflater);
    }
    od_buffer_fini(&source->file);
}

// The most bytes that can still come.
static int64_t source_can_hold(const byte_source *source) {
    return source->packed ? ((int64_t)source->inflater.avail_in + 64) * DEFLATE_MAX_RATIO
                          : (int64_t)(source->file.size - source->position);
}

static od_status read_plain(byte_source *source, uint8_t *out, size_t size, size_t *got) {
    size_t rest = source->file.size - source->position;
    *got = size < rest ? size : rest;
    if (*got > 0) {
        memcpy(out, source->file.data + source->position, *got);
    }
    source->position += *got;
    return OD_OK;
}

static od_status read_packed(byte_source *source, uint8_t *out, size_t size, size_t *got,
                             od_error *error) {
    z_stream *z = &source->inflater;
    z->next_out = out;
    z->avail_out = (uInt)size;
    int result = Z_OK;
    // A gzip file may be several streams in a row; it ends where a stream and the file end.
    while (z->avail_out > 0 && !(result == Z_STREAM_END && z->avail_in == 0)) {
        if (result == Z_STREAM_END) {
            inflateReset(z);
        }
        result = inflate(z, Z_NO_FLUSH);
        if (result == Z_BUF_ERROR) {
            return od_error_set(error, OD_E_CORRUPT, "%s: the gzip stream is truncated",
                                source->path);
        }
        if (result != Z_OK && result != Z_STREAM_END) {
            return od_error_set(error, OD_E_CORRUPT, "%s: the gzip stream is corrupt (%s)",
                                source->path, z->msg != NULL ? z->msg : "no detail");
        }
    }
    *got = size - z->avail_out;
    return OD_OK;
}

// Up to size bytes into out; fewer only at the end.
static od_status source_read(byte_source *source, uint8_t *out, size_t size, size_t *got,
                             od_error *error) {
    return source->packed ? read_packed(source, out, size, got, error)
                          : read_plain(source, out, size, got);
}

static od_status read_header_word(byte_source *source, uint32_t *out, od_error *error) {
    uint8_t bytes[4];
    size_t got;
    OD_TRY(source_read(source, bytes, sizeof bytes, &got, error));
    if (got < sizeof bytes) {
        return od_error_set(error, OD_E_CORRUPT, "%s: the file ends within the IDX header",
                            source->path);
    }
    *out = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return OD_OK;
}

// *item_bytes: of one item, the product of shape.
static od_status read_header(byte_source *source, int rank, const int64_t *shape, int64_t *count,
                             int64_t *item_bytes, od_error *error) {
    uint32_t magic, dimension;
    uint32_t expected = TYPE_UINT8 << 8 | (uint32_t)rank;
    OD_TRY(read_header_word(source, &magic, error));
    if (magic != expected) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: starts with 0x%08x; IDX of unsigned bytes in %d dimension%s "
                            "starts with 0x%08x",
                            source->path, magic, rank, rank == 1 ? "" : "s", expected);
    }
    OD_TRY(read_header_word(source, &dimension, error));
    *count = dimension;
    *item_bytes = 1;
    for (int i = 0; i < rank - 1; i++) {
        OD_TRY(read_header_word(source, &dimension, error));
        if (dimension != shape[i]) {
            return od_error_set(error, OD_E_CORRUPT, "%s: dimension %d is %u; expected %lld",
                                source->path, i + 2, dimension, (long long)shape[i]);
        }
        *item_bytes *= shape[i];
    }
    return OD_OK;
}

static od_status read_body(byte_source *source, uint8_t *out, int64_t size, od_error *error) {
    size_t got;
    OD_TRY(source_read(source, out, (size_t)size, &got, error));
    if (got < (size_t)size) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s is truncated: %zu bytes behind the header, which promises %lld",
                            source->path, got, (long long)size);
    }
    uint8_t more;
    OD_TRY(source_read(source, &more, 1, &got, error));
    if (got > 0) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s has trailing bytes behind the %lld that the header promises",
                            source->path, (long long)size);
    }
    return OD_OK;
}

static od_status read_source(byte_source *source, int rank, const int64_t *shape, od_idx *out,
                             od_error *error) {
    int64_t count = 0, item_bytes = 0;
    OD_TRY(read_header(source, rank, shape, &count, &item_bytes, error));
    int64_t size = count * item_bytes;
    int64_t can_hold = source_can_hold(source);
    can_hold = can_hold < MAX_FILE_BYTES ? can_hold : MAX_FILE_BYTES;
    if (size > can_hold) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s is truncated: the header promises %lld bytes, there can be at "
                            "most %lld",
                            source->path, (long long)size, (long long)can_hold);
    }
    uint8_t *bytes = malloc((size_t)size + 1); // never malloc(0)
    if (bytes == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for its %lld bytes", source->path,
                            (long long)size);
    }
    od_status status = read_body(source, bytes, size, error);
    if (status != OD_OK) {
        free(bytes);
        return status;
    }
    *out = (od_idx){.count = count, .bytes = bytes};
    return OD_OK;
}

od_status od_idx_read(const char *path, int rank, const int64_t *shape, od_idx *out,
                      od_error *error) {
    assert(rank >= 1 && rank <= OD_IDX_MAX_RANK);
    byte_source source;
    OD_TRY(source_init(&source, path, true, error));
    od_status status = read_source(&source, rank, shape, out, error);
    source_fini(&source);
    return status;
}

static od_status count_items(const char *path, int rank, const int64_t *shape, int64_t *out,
                             od_error *error) {
    byte_source source;
    int64_t item_bytes;
    OD_TRY(source_init(&source, path, false, error));
    od_status status = read_header(&source, rank, shape, out, &item_bytes, error);
    source_fini(&source);
    return status;
}

od_status od_idx_check(const char *path, int rank, const int64_t *shape, int64_t *out,
                       od_error *error) {
    od_sound version;
    od_idx whole = {0};
    od_sound_look(path, &version);
    if (od_sound_is_known(&version)) {
        return count_items(path, rank, shape, out, error);
    }
    OD_TRY(od_idx_read(path, rank, shape, &whole, error));
    free(whole.bytes);
    od_sound_remember(&version);
    *out = whole.count;
    return OD_OK;
}
