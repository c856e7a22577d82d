// SPDX-License-Identifier: Apache-2.0
// Files and shards are opened for each image: that costs microseconds where decoding costs
// milliseconds, and no limit on open files is ever met.
#include "core/data/reader.h"

#include "base/buffer.h"
#include "core/data/index.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct od_reader {
    const od_dataset *dataset;
    od_buffer file; // of the image
    od_image image;
};

od_status od_reader_new(const od_dataset *dataset, od_reader **out, od_error *error) {
    od_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to read a data set");
    }
    reader->dataset = dataset;
    *out = reader;
    return OD_OK;
}

void od_reader_free(od_reader *reader) {
    if (reader != NULL) {
        od_buffer_fini(&reader->file);
        od_image_fini(&reader->image);
        free(reader);
    }
}

static od_status read_all(int fd, char *out, size_t size, int64_t at, const char *path,
                          od_error *error) {
    while (size > 0) {
        ssize_t got = pread(fd, out, size, at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return od_error_set_errno(error, errno, "%s: cannot read", path);
        }
        if (got == 0) {
            return od_error_set(error, OD_E_CORRUPT, "%s has become shorter", path);
        }
        out += got;
        at += got;
        size -= (size_t)got;
    }
    return OD_OK;
}

// The bytes of the sample from its open file.
static od_status fill(od_reader *reader, int fd, const od_index_sample *sample, const char *path,
                      od_error *error) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    if (!S_ISREG(info.st_mode) || info.st_size > INT64_MAX / 2) {
        return od_error_set(error, OD_E_CORRUPT, "%s is not a file", path);
    }
    const bool whole = sample->bytes == 0;
    const int64_t size = whole ? info.st_size : sample->bytes;
    if (size > OD_DECODE_MAX_FILE_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s has %lld bytes; the limit is %d", path,
                            (long long)size, OD_DECODE_MAX_FILE_BYTES);
    }
    reader->file.size = 0;
    if (od_buffer_reserve(&reader->file, (size_t)size) != OD_OK) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory to read it", path);
    }
    OD_TRY(read_all(fd, reader->file.data, (size_t)size, whole ? 0 : (int64_t)sample->at, path,
                    error));
    reader->file.size = (size_t)size;
    return OD_OK;
}

static od_status read_file(od_reader *reader, int64_t index, const od_decode_hint *hint,
                           od_error *error) {
    char path[OD_DATASETS_PATH_BYTES];
    const od_dataset *dataset = reader->dataset;
    const od_index_sample *sample = od_index_at(dataset->index, index);
    OD_TRY(od_index_path(dataset->index, dataset->root, index, path, error));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", path);
    }
    od_status status = fill(reader, fd, sample, path, error);
    close(fd);
    OD_TRY(status);
    status = od_decode((const uint8_t *)reader->file.data, reader->file.size, hint, &reader->image,
                       error);
    if (status != OD_OK && sample->bytes > 0) {
        return od_error_prefix(error, "%s, image at byte %llu", path,
                               (unsigned long long)sample->at);
    }
    return status == OD_OK ? OD_OK : od_error_prefix(error, "%s", path);
}

od_status od_reader_read(od_reader *reader, int64_t index, const od_decode_hint *hint,
                         const od_image **out, od_error *error) {
    const od_dataset *dataset = reader->dataset;
    assert(index >= 0 && index < dataset->count);
    *out = &reader->image;
    if (dataset->pixels == NULL) {
        return read_file(reader, index, hint, error);
    }
    const int64_t bytes = dataset->height * dataset->width * dataset->channels;
    reader->image = (od_image){.width = dataset->width,
                               .height = dataset->height,
                               .channels = dataset->channels,
                               .pixels = dataset->pixels + index * bytes};
    return OD_OK;
}
