// SPDX-License-Identifier: Apache-2.0
// Writing, in parts and at places that the header has fixed.
#include "core/io/safetensors.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGNMENT = 8, PREFIX_BYTES = 8 };

// --- the header ---------------------------------------------------------------------------

static od_status append_quoted(od_buffer *out, const char *text) {
    cJSON *string = cJSON_CreateStringReference(text);
    char *quoted = string != NULL ? cJSON_PrintUnformatted(string) : NULL;
    od_status status = quoted != NULL ? od_buffer_append_text(out, quoted) : OD_E_NO_MEMORY;
    free(quoted);
    cJSON_Delete(string);
    return status;
}

static od_status append_metadata(od_buffer *out, const od_metadata *metadata, size_t count) {
    OD_TRY(od_buffer_append_text(out, "\"__metadata__\":{"));
    for (size_t i = 0; i < count; i++) {
        OD_TRY(od_buffer_append_text(out, i > 0 ? "," : ""));
        OD_TRY(append_quoted(out, metadata[i].key));
        OD_TRY(od_buffer_append_text(out, ":"));
        OD_TRY(append_quoted(out, metadata[i].value));
    }
    return od_buffer_append_text(out, "}");
}

static od_status append_tensor(od_buffer *out, const od_named_tensor *tensor, int64_t begin) {
    OD_TRY(append_quoted(out, tensor->name));
    OD_TRY(od_buffer_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", od_dtype_name(tensor->dtype)));
    for (int i = 0; i < tensor->rank; i++) {
        OD_TRY(od_buffer_printf(out, "%s%" PRId64, i > 0 ? "," : "", tensor->shape[i]));
    }
    return od_buffer_printf(out, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", begin,
                            begin + od_tensor_bytes(tensor));
}

// The widest values come first, so that every tensor is aligned in the file.
static const int64_t widths[] = {8, 4, 2};
enum { WIDTHS = sizeof widths / sizeof widths[0] };

// begins[i]: where the data of tensor i begins behind the header.
static od_status append_tensors(od_buffer *out, const od_named_tensor *tensors, size_t count,
                                bool comma, int64_t *begins) {
    int64_t begin = 0;
    for (int w = 0; w < WIDTHS; w++) {
        for (size_t i = 0; i < count; i++) {
            if (od_dtype_bytes(tensors[i].dtype) != widths[w]) {
                continue;
            }
            OD_TRY(od_buffer_append_text(out, comma ? "," : ""));
            OD_TRY(append_tensor(out, &tensors[i], begin));
            begins[i] = begin;
            begin += od_tensor_bytes(&tensors[i]);
            comma = true;
        }
    }
    return OD_OK;
}

// The prefix with the size, the JSON, and spaces up to a multiple of ALIGNMENT.
static od_status make_header(od_buffer *out, const od_named_tensor *tensors, size_t count,
                             const od_metadata *metadata, size_t metadata_count, int64_t *begins) {
    static const char zeros[PREFIX_BYTES];
    OD_TRY(od_buffer_append(out, zeros, sizeof zeros));
    OD_TRY(od_buffer_append_text(out, "{"));
    if (metadata_count > 0) {
        OD_TRY(append_metadata(out, metadata, metadata_count));
    }
    OD_TRY(append_tensors(out, tensors, count, metadata_count > 0, begins));
    OD_TRY(od_buffer_append_text(out, "}"));
    while (out->size % ALIGNMENT != 0) {
        OD_TRY(od_buffer_append_text(out, " "));
    }
    uint64_t size = out->size - PREFIX_BYTES;
    memcpy(out->data, &size, sizeof size); // little-endian, as configure made sure
    return OD_OK;
}

// --- the writer ---------------------------------------------------------------------------

struct od_safetensors_writer {
    char path[PATH_MAX], temporary[PATH_MAX];
    int fd;
    int64_t data_at; // where the tensors start in the file
    int64_t *begins; // of each tensor behind data_at
};

static od_status write_at(const od_safetensors_writer *writer, const void *bytes, size_t size,
                          int64_t at, od_error *error) {
    const char *next = bytes;
    while (size > 0) {
        ssize_t wrote = pwrite(writer->fd, next, size, at);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return od_error_set_errno(error, errno, "%s: cannot write", writer->temporary);
        }
        next += wrote;
        at += wrote;
        size -= (size_t)wrote;
    }
    return OD_OK;
}

static od_status create(od_safetensors_writer *writer, const char *path, od_error *error) {
    if (snprintf(writer->temporary, sizeof writer->temporary, "%s.tmp", path) >=
        (int)sizeof writer->temporary) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %s", path);
    }
    snprintf(writer->path, sizeof writer->path, "%s", path);
    writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return writer->fd >= 0
               ? OD_OK
               : od_error_set_errno(error, errno, "%s: cannot create", writer->temporary);
}

static od_status begin(od_safetensors_writer *writer, const char *path, const od_buffer *header,
                       od_error *error) {
    OD_TRY(create(writer, path, error));
    writer->data_at = (int64_t)header->size;
    return write_at(writer, header->data, header->size, 0, error);
}

od_status od_safetensors_writer_new(const char *path, const od_named_tensor *tensors, size_t count,
                                    const od_metadata *metadata, size_t metadata_count,
                                    od_safetensors_writer **out, od_error *error) {
    od_safetensors_writer *writer = calloc(1, sizeof *writer);
    int64_t *begins = calloc(count + 1, sizeof *begins);
    od_buffer header = {0};
    if (writer == NULL || begins == NULL ||
        make_header(&header, tensors, count, metadata, metadata_count, begins) != OD_OK) {
        free(writer);
        free(begins);
        od_buffer_fini(&header);
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for its header", path);
    }
    writer->begins = begins;
    od_status status = begin(writer, path, &header, error);
    od_buffer_fini(&header);
    if (status != OD_OK) {
        od_safetensors_writer_free(writer);
        return status;
    }
    *out = writer;
    return OD_OK;
}

od_status od_safetensors_writer_put(od_safetensors_writer *writer, size_t index, int64_t at,
                                    const void *bytes, size_t size, od_error *error) {
    return write_at(writer, bytes, size, writer->data_at + writer->begins[index] + at, error);
}

static od_status publish(od_safetensors_writer *writer, od_error *error) {
    char folder[PATH_MAX];
    if (fsync(writer->fd) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot sync", writer->temporary);
    }
    if (rename(writer->temporary, writer->path) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot rename to %s", writer->temporary,
                                  writer->path);
    }
    writer->temporary[0] = '\0';
    memcpy(folder, writer->path, sizeof folder);
    return od_file_sync_folder(dirname(folder), error);
}

od_status od_safetensors_writer_finish(od_safetensors_writer *writer, od_error *error) {
    od_status status = publish(writer, error);
    od_safetensors_writer_free(writer);
    return status;
}

void od_safetensors_writer_free(od_safetensors_writer *writer) {
    if (writer == NULL) {
        return;
    }
    if (writer->fd >= 0) {
        close(writer->fd);
        if (writer->temporary[0] != '\0') {
            unlink(writer->temporary);
        }
    }
    free(writer->begins);
    free(writer);
}

od_status od_safetensors_write(const char *path, const od_named_tensor *tensors, size_t count,
                               const od_metadata *metadata, size_t metadata_count,
                               od_error *error) {
    od_safetensors_writer *writer = NULL;
    OD_TRY(
        od_safetensors_writer_new(path, tensors, count, metadata, metadata_count, &writer, error));
    for (size_t i = 0; i < count; i++) {
        od_status status = od_safetensors_writer_put(writer, i, 0, tensors[i].data,
                                                     (size_t)od_tensor_bytes(&tensors[i]), error);
        if (status != OD_OK) {
            od_safetensors_writer_free(writer);
            return status;
        }
    }
    return od_safetensors_writer_finish(writer, error);
}
