// SPDX-License-Identifier: Apache-2.0
// Reading. Tensors are read straight into one block, each at a multiple of 8 bytes, so that a file
// whose offsets are not aligned is as good as another. Nothing is allocated by what a header says
// before it has been compared with the size of the file.
#include "core/io/safetensors.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_HEADER_BYTES = 16 << 20, ALIGNMENT = 8, PREFIX_BYTES = 8 };

static const struct {
    const char *name;
    int64_t bytes;
} dtypes[OD_DTYPES] = {
    [OD_F32] = {"F32", 4},   [OD_I64] = {"I64", 8}, [OD_F16] = {"F16", 2},
    [OD_BF16] = {"BF16", 2}, [OD_F64] = {"F64", 8},
};

int64_t od_dtype_bytes(od_dtype dtype) {
    return dtypes[dtype].bytes;
}

const char *od_dtype_name(od_dtype dtype) {
    return dtypes[dtype].name;
}

int64_t od_tensor_count(const od_named_tensor *tensor) {
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
    }
    return count;
}

int64_t od_tensor_bytes(const od_named_tensor *tensor) {
    return od_tensor_count(tensor) * od_dtype_bytes(tensor->dtype);
}

typedef struct byte_range {
    int64_t begin, end;
} byte_range;

typedef struct file_reader {
    const char *path;
    int fd;
    const char *memory; // the whole file, or NULL: it is read from fd
    int64_t file_bytes;
    int64_t data_at;    // where the tensors start in the file
    int64_t data_bytes; // how many bytes follow there
    cJSON *header;
    byte_range *ranges; // of each tensor, in the order of the header
} file_reader;

static od_status read_at(const file_reader *reader, void *out, int64_t size, int64_t at,
                         od_error *error) {
    char *next = out;
    if (reader->memory != NULL) {
        memcpy(out, reader->memory + at, (size_t)size);
        return OD_OK;
    }
    while (size > 0) {
        ssize_t got = pread(reader->fd, next, (size_t)size, at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return od_error_set_errno(error, errno, "%s: cannot read", reader->path);
        }
        if (got == 0) {
            return od_error_set(error, OD_E_CORRUPT, "%s became shorter while it was read",
                                reader->path);
        }
        next += got;
        at += got;
        size -= got;
    }
    return OD_OK;
}

static od_status open_file(file_reader *reader, size_t max_bytes, od_error *error) {
    struct stat info;
    // O_NONBLOCK: a pipe must be refused, not waited for.
    reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &info) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", reader->path);
    }
    if (!S_ISREG(info.st_mode)) {
        return od_error_set(error, OD_E_CORRUPT, "%s is not a file", reader->path);
    }
    if ((uint64_t)info.st_size > max_bytes) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s has %lld bytes; the limit is %zu",
                            reader->path, (long long)info.st_size, max_bytes);
    }
    reader->file_bytes = info.st_size;
    return OD_OK;
}

static od_status read_header(file_reader *reader, od_error *error) {
    uint64_t size = 0;
    if (reader->file_bytes < PREFIX_BYTES) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s has %lld bytes; a safetensors file has 8 and more", reader->path,
                            (long long)reader->file_bytes);
    }
    OD_TRY(read_at(reader, &size, PREFIX_BYTES, 0, error));
    uint64_t most = (uint64_t)reader->file_bytes - PREFIX_BYTES;
    most = most < MAX_HEADER_BYTES ? most : MAX_HEADER_BYTES;
    if (size > most) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: the header's size is %" PRIu64 "; it can be at most %" PRIu64,
                            reader->path, size, most);
    }
    char *text = malloc((size_t)size + 1);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for its header", reader->path);
    }
    od_status status = read_at(reader, text, (int64_t)size, PREFIX_BYTES, error);
    if (status == OD_OK && od_json_parse(text, (size_t)size, &reader->header, error) != OD_OK) {
        status = OD_E_CORRUPT;
        if (error != NULL) {
            error->status = status;
            od_error_prefix(error, "%s: header", reader->path);
        }
    }
    free(text);
    if (status == OD_OK && !cJSON_IsObject(reader->header)) {
        status =
            od_error_set(error, OD_E_CORRUPT, "%s: the header is no JSON object", reader->path);
    }
    reader->data_at = PREFIX_BYTES + (int64_t)size;
    reader->data_bytes = reader->file_bytes - reader->data_at;
    return status;
}

static bool to_int(const cJSON *node, int64_t *out) {
    if (!cJSON_IsNumber(node) || node->valuedouble < 0 || node->valuedouble > 0x1p53) {
        return false;
    }
    *out = (int64_t)node->valuedouble;
    return (double)*out == node->valuedouble;
}

static od_status parse_dtype(const char *path, const cJSON *entry, od_named_tensor *out,
                             od_error *error) {
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    if (!cJSON_IsString(dtype)) {
        return od_error_set(error, OD_E_CORRUPT, "%s: \"%s\" has no dtype", path, out->name);
    }
    for (int d = 0; d < OD_DTYPES; d++) {
        if (strcmp(dtype->valuestring, dtypes[d].name) == 0) {
            out->dtype = (od_dtype)d;
            return OD_OK;
        }
    }
    return od_error_set(error, OD_E_UNSUPPORTED,
                        "%s: \"%s\" has dtype %.16s; F32, F16, BF16, F64 and I64 can be read", path,
                        out->name, dtype->valuestring);
}

// *bytes: what the shape and the dtype need.
static od_status parse_shape(const char *path, const cJSON *entry, od_named_tensor *out,
                             int64_t *bytes, od_error *error) {
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > OD_TENSOR_MAX_RANK) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: the shape of \"%s\" is no list of at most %d sizes", path,
                            out->name, OD_TENSOR_MAX_RANK);
    }
    *bytes = dtypes[out->dtype].bytes;
    const cJSON *size;
    cJSON_ArrayForEach(size, shape) {
        int64_t value = 0;
        if (!to_int(size, &value) || __builtin_mul_overflow(*bytes, value, bytes)) {
            return od_error_set(error, OD_E_CORRUPT,
                                "%s: the shape of \"%s\" is not of whole numbers or too large",
                                path, out->name);
        }
        out->shape[out->rank++] = value;
    }
    return OD_OK;
}

static od_status parse_range(const file_reader *reader, const cJSON *entry, const char *name,
                             int64_t bytes, byte_range *out, od_error *error) {
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !to_int(cJSON_GetArrayItem(offsets, 0), &out->begin) ||
        !to_int(cJSON_GetArrayItem(offsets, 1), &out->end)) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: the data_offsets of \"%s\" are no pair of whole numbers",
                            reader->path, name);
    }
    if (out->begin > out->end || out->end > reader->data_bytes) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: the data_offsets of \"%s\" are %" PRId64 ", %" PRId64
                            "; the file has %" PRId64 " bytes of data",
                            reader->path, name, out->begin, out->end, reader->data_bytes);
    }
    if (out->end - out->begin != bytes) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: \"%s\" has %" PRId64 " bytes; its shape needs %" PRId64,
                            reader->path, name, out->end - out->begin, bytes);
    }
    return OD_OK;
}

static od_status parse_tensor(const file_reader *reader, const cJSON *entry, od_named_tensor *out,
                              byte_range *range, od_error *error) {
    int64_t bytes = 0;
    if (strlen(entry->string) >= OD_TENSOR_NAME_BYTES) {
        return od_error_set(error, OD_E_CORRUPT, "%s: a name has more than %d bytes: \"%.64s...\"",
                            reader->path, OD_TENSOR_NAME_BYTES - 1, entry->string);
    }
    snprintf(out->name, sizeof out->name, "%s", entry->string);
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s: \"%s\" is no object of dtype, shape and data_offsets",
                            reader->path, out->name);
    }
    OD_TRY(parse_dtype(reader->path, entry, out, error));
    OD_TRY(parse_shape(reader->path, entry, out, &bytes, error));
    return parse_range(reader, entry, out->name, bytes, range, error);
}

static od_status keep_metadata(const file_reader *reader, const cJSON *metadata,
                               od_safetensors *out, od_error *error) {
    const cJSON *value;
    bool strings = cJSON_IsObject(metadata);
    cJSON_ArrayForEach(value, metadata) {
        strings = strings && cJSON_IsString(value);
    }
    if (!strings) {
        return od_error_set(error, OD_E_CORRUPT, "%s: __metadata__ is no object of strings",
                            reader->path);
    }
    out->metadata_json = cJSON_PrintUnformatted(metadata);
    return out->metadata_json != NULL
               ? OD_OK
               : od_error_set(error, OD_E_NO_MEMORY, "%s: no memory", reader->path);
}

static od_status parse_tensors(file_reader *reader, od_safetensors *out, od_error *error) {
    size_t entries = (size_t)cJSON_GetArraySize(reader->header);
    out->tensors = calloc(entries + 1, sizeof *out->tensors);
    reader->ranges = calloc(entries + 1, sizeof *reader->ranges);
    if (out->tensors == NULL || reader->ranges == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for %zu names", reader->path,
                            entries);
    }
    const cJSON *entry;
    cJSON_ArrayForEach(entry, reader->header) {
        if (strcmp(entry->string, "__metadata__") == 0) {
            OD_TRY(keep_metadata(reader, entry, out, error));
            continue;
        }
        OD_TRY(parse_tensor(reader, entry, &out->tensors[out->count], &reader->ranges[out->count],
                            error));
        out->count++;
    }
    return OD_OK;
}

static int by_begin(const void *a, const void *b) {
    const byte_range *left = a, *right = b;
    if (left->begin != right->begin) {
        return left->begin < right->begin ? -1 : 1;
    }
    return (left->end > right->end) - (left->end < right->end);
}

// The ranges must tile the data: each begins where the one before ended.
static od_status check_tiling(const file_reader *reader, size_t count, od_error *error) {
    byte_range *sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory", reader->path);
    }
    memcpy(sorted, reader->ranges, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_begin);
    sorted[count] = (byte_range){reader->data_bytes, reader->data_bytes};
    int64_t end = 0;
    od_status status = OD_OK;
    for (size_t i = 0; i <= count && status == OD_OK; i++) {
        if (sorted[i].begin != end) {
            status = od_error_set(
                error, OD_E_CORRUPT, "%s: %s at byte %" PRId64 " of the data", reader->path,
                sorted[i].begin > end ? "no tensor has the bytes" : "two tensors overlap",
                sorted[i].begin > end ? end : sorted[i].begin);
        }
        end = sorted[i].end;
    }
    free(sorted);
    return status;
}

static int64_t aligned(int64_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static od_status read_data(const file_reader *reader, od_safetensors *out, od_error *error) {
    int64_t total = ALIGNMENT; // never malloc(0)
    for (size_t i = 0; i < out->count; i++) {
        total += aligned(reader->ranges[i].end - reader->ranges[i].begin);
    }
    char *next = out->bytes = malloc((size_t)total);
    if (next == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for %" PRId64 " bytes",
                            reader->path, total);
    }
    for (size_t i = 0; i < out->count; i++) {
        byte_range range = reader->ranges[i];
        out->tensors[i].data = next;
        OD_TRY(
            read_at(reader, next, range.end - range.begin, reader->data_at + range.begin, error));
        next += aligned(range.end - range.begin);
    }
    return OD_OK;
}

static od_status read_all(file_reader *reader, bool with_data, od_safetensors *out,
                          od_error *error) {
    OD_TRY(read_header(reader, error));
    OD_TRY(parse_tensors(reader, out, error));
    OD_TRY(check_tiling(reader, out->count, error));
    return with_data ? read_data(reader, out, error) : OD_OK;
}

static void close_reader(file_reader *reader, od_status status, od_safetensors *out) {
    if (status != OD_OK) {
        od_safetensors_fini(out);
    }
    free(reader->ranges);
    cJSON_Delete(reader->header);
    if (reader->fd >= 0) {
        close(reader->fd);
    }
}

static od_status read_path(const char *path, size_t max_bytes, bool with_data, od_safetensors *out,
                           od_error *error) {
    *out = (od_safetensors){0};
    file_reader reader = {.path = path, .fd = -1};
    od_status status = open_file(&reader, max_bytes, error);
    if (status == OD_OK) {
        status = read_all(&reader, with_data, out, error);
    }
    close_reader(&reader, status, out);
    return status;
}

od_status od_safetensors_read(const char *path, size_t max_bytes, od_safetensors *out,
                              od_error *error) {
    return read_path(path, max_bytes, true, out, error);
}

od_status od_safetensors_read_header(const char *path, size_t max_bytes, od_safetensors *out,
                                     od_error *error) {
    return read_path(path, max_bytes, false, out, error);
}

od_status od_safetensors_parse(const char *name, const void *bytes, size_t size,
                               od_safetensors *out, od_error *error) {
    *out = (od_safetensors){0};
    file_reader reader = {.path = name, .fd = -1, .memory = bytes, .file_bytes = (int64_t)size};
    od_status status = read_all(&reader, true, out, error);
    close_reader(&reader, status, out);
    return status;
}

void od_safetensors_fini(od_safetensors *file) {
    free(file->tensors);
    free(file->metadata_json);
    free(file->bytes);
    *file = (od_safetensors){0};
}

const od_named_tensor *od_safetensors_find(const od_safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}
