// SPDX-License-Identifier: Apache-2.0
#include "core/backend/host.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT_BYTES = 64 };

od_status od_host_alloc(od_device *device, size_t bytes, void **out, od_error *error) {
    (void)device;
    if (bytes > PTRDIFF_MAX - ALIGNMENT_BYTES) {
        return od_error_set(error, OD_E_NO_MEMORY, "%zu bytes are more than any machine has",
                            bytes);
    }
    size_t blocks = bytes / ALIGNMENT_BYTES + 1; // never 0 bytes
    void *memory = aligned_alloc(ALIGNMENT_BYTES, blocks * ALIGNMENT_BYTES);
    if (memory == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY,
                            "no memory for %zu bytes; take a smaller batch or model", bytes);
    }
    // Writing the zeros also takes the page faults here and not in the first step.
    memset(memory, 0, blocks * ALIGNMENT_BYTES);
    *out = memory;
    return OD_OK;
}

void od_host_free(od_device *device, void *memory) {
    (void)device;
    free(memory);
}

void od_host_upload(od_device *device, void *to, const void *from_host, size_t bytes) {
    (void)device;
    memcpy(to, from_host, bytes);
}

void od_host_download(od_device *device, void *to_host, const void *from, size_t bytes) {
    (void)device;
    memcpy(to_host, from, bytes);
}

void od_host_zero(od_device *device, void *to, size_t bytes) {
    (void)device;
    memset(to, 0, bytes);
}

od_status od_host_check_options(const od_device_options *options, od_error *error) {
    if (options == NULL) {
        return OD_OK;
    }
    if (options->threads < 1) {
        return od_error_set(error, OD_E_INVALID, "threads is %d; give 1 or more", options->threads);
    }
    if (options->blas != NULL && strcmp(options->blas, "onednn") != 0 &&
        strcmp(options->blas, "openblas") != 0) {
        return od_error_set(error, OD_E_INVALID, "blas is '%s'; give onednn or openblas",
                            options->blas);
    }
    return OD_OK;
}
