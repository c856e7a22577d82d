// SPDX-License-Identifier: Apache-2.0
// CIFAR's binary version: files of records and nothing else. A record is the label (CIFAR-100: the
// coarse label, which is left aside, then the fine one) and 1,024 bytes each of red, green, blue.
#include "core/data/source.h"

#include "base/buffer.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PLANE_BYTES = 32 * 32,
    IMAGE_BYTES = 3 * PLANE_BYTES,
    MAX_LABEL_BYTES = 2,
    MAX_FILE_BYTES = 1 << 30,
};

// CIFAR-10 has one label in a record, CIFAR-100 two; the last one counts.
static int label_bytes(const od_dataset_facts *facts) {
    return facts->classes > 10 ? 2 : 1;
}

static int record_bytes(const od_dataset_facts *facts) {
    return label_bytes(facts) + IMAGE_BYTES;
}

// The files of a split in facts->files: the last one is for evaluation, the others for training.
static void files_of(const od_dataset_facts *facts, od_split split, int *first, int *end) {
    int count = 0;
    while (count < OD_DATASETS_FILES && facts->files[count] != NULL) {
        count++;
    }
    *first = split == OD_SPLIT_TRAIN ? 0 : count - 1;
    *end = split == OD_SPLIT_TRAIN ? count - 1 : count;
}

static od_status check_size(const od_dataset_facts *facts, const char *path, int64_t size,
                            int64_t *records, od_error *error) {
    int64_t record = record_bytes(facts);
    if (size > MAX_FILE_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s has %lld bytes; the limit is %d", path,
                            (long long)size, MAX_FILE_BYTES);
    }
    if (size == 0 || size % record != 0) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s has %lld bytes, which is no multiple of a record's %lld: it is cut "
                            "off or not the binary version of %s; get it anew",
                            path, (long long)size, (long long)record, facts->name);
    }
    *records = size / record;
    return OD_OK;
}

static od_status check_label(const od_dataset_facts *facts, const char *path, int64_t record,
                             const uint8_t *labels, od_error *error) {
    int label = labels[label_bytes(facts) - 1];
    if (label < facts->classes) {
        return OD_OK;
    }
    return od_error_set(error, OD_E_CORRUPT,
                        "%s: the label of record %lld is %d; the largest is %d: the file is "
                        "damaged or not the binary version of %s; get it anew",
                        path, (long long)record, label, facts->classes - 1, facts->name);
}

// --- sizes and labels ---------------------------------------------------------------------

static od_status check_labels(const od_dataset_facts *facts, const char *path, int fd,
                              int64_t records, od_error *error) {
    for (int64_t i = 0; i < records; i++) {
        uint8_t labels[MAX_LABEL_BYTES];
        ssize_t size = label_bytes(facts);
        if (pread(fd, labels, (size_t)size, i * record_bytes(facts)) != size) {
            return od_error_set_errno(error, errno != 0 ? errno : EIO, "%s: cannot read", path);
        }
        OD_TRY(check_label(facts, path, i, labels, error));
    }
    return OD_OK;
}

static od_status measure_file(const od_dataset_facts *facts, const char *path, int64_t *records,
                              od_error *error) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        od_status failed = od_error_set_errno(error, errno, "%s: cannot open", path);
        if (fd >= 0) {
            close(fd);
        }
        return failed;
    }
    od_status status = S_ISREG(info.st_mode)
                           ? check_size(facts, path, info.st_size, records, error)
                           : od_error_set(error, OD_E_CORRUPT, "%s is not a file", path);
    errno = 0;
    if (status == OD_OK) {
        status = check_labels(facts, path, fd, *records, error);
    }
    close(fd);
    return status;
}

static od_status size_cifar(const od_dataset_facts *facts, const char *root, od_split split,
                            od_dataset_size *out, od_error *error) {
    int first;
    int end;
    files_of(facts, split, &first, &end);
    *out = (od_dataset_size){0};
    for (int i = first; i < end; i++) {
        char path[OD_DATASETS_PATH_BYTES];
        int64_t records = 0;
        OD_TRY(od_datasets_file(facts, root, facts->files[i], path, error));
        OD_TRY(measure_file(facts, path, &records, error));
        out->count += records;
    }
    out->bytes = out->count * (IMAGE_BYTES + (int64_t)sizeof(int32_t));
    return OD_OK;
}

// --- pixels -------------------------------------------------------------------------------

// Planes become pixels.
static void interleave(const uint8_t *planes, uint8_t *pixels) {
    for (int p = 0; p < PLANE_BYTES; p++) {
        for (int c = 0; c < 3; c++) {
            pixels[3 * p + c] = planes[c * PLANE_BYTES + p];
        }
    }
}

static od_status grow(od_dataset *dataset, int64_t more, const char *path, od_error *error) {
    size_t count = (size_t)(dataset->count + more);
    uint8_t *pixels = realloc(dataset->pixels, count * IMAGE_BYTES);
    dataset->pixels = pixels != NULL ? pixels : dataset->pixels;
    int32_t *labels = realloc(dataset->labels, count * sizeof *labels);
    dataset->labels = labels != NULL ? labels : dataset->labels;
    if (pixels == NULL || labels == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory for its %lld images", path,
                            (long long)more);
    }
    return OD_OK;
}

static od_status append_records(const od_dataset_facts *facts, const char *path,
                                const od_buffer *file, od_dataset *dataset, od_error *error) {
    int64_t records = 0;
    OD_TRY(check_size(facts, path, (int64_t)file->size, &records, error));
    OD_TRY(grow(dataset, records, path, error));
    for (int64_t i = 0; i < records; i++) {
        const uint8_t *record = (const uint8_t *)file->data + i * record_bytes(facts);
        OD_TRY(check_label(facts, path, i, record, error));
        dataset->labels[dataset->count] = record[label_bytes(facts) - 1];
        interleave(record + label_bytes(facts), dataset->pixels + dataset->count * IMAGE_BYTES);
        dataset->count++;
    }
    return OD_OK;
}

static od_status open_cifar(const od_dataset_facts *facts, const char *root, od_split split,
                            od_dataset *out, od_error *error) {
    int first;
    int end;
    files_of(facts, split, &first, &end);
    for (int i = first; i < end; i++) {
        char path[OD_DATASETS_PATH_BYTES];
        od_buffer file = {0};
        OD_TRY(od_datasets_file(facts, root, facts->files[i], path, error));
        od_status status = od_file_read(path, MAX_FILE_BYTES, &file, error);
        if (status == OD_OK) {
            status = append_records(facts, path, &file, out, error);
        }
        od_buffer_fini(&file);
        OD_TRY(status);
    }
    return OD_OK;
}

const od_source od_source_cifar = {.size = size_cifar, .open = open_cifar};
