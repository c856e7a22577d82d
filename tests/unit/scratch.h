// SPDX-License-Identifier: Apache-2.0
// A test's own temporary folder. Use as cmocka setup and teardown: *state is the folder's path.
#ifndef OD_TESTS_UNIT_SCRATCH_H
#define OD_TESTS_UNIT_SCRATCH_H

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_PATH_BYTES = 4096 };

static inline int scratch_setup(void **state) {
    const char *parent = getenv("TMPDIR");
    char path[SCRATCH_PATH_BYTES];
    snprintf(path, sizeof path, "%s/od-test-XXXXXX", parent != NULL ? parent : "/tmp");
    *state = mkdtemp(path) != NULL ? strdup(path) : NULL;
    return *state != NULL ? 0 : -1;
}

static inline int scratch_teardown(void **state) {
    od_status status = od_file_remove_tree(*state, NULL);
    free(*state);
    return status == OD_OK ? 0 : -1;
}

// folder/name into out; returns out.
static inline char *scratch_path(char out[SCRATCH_PATH_BYTES], const char *folder,
                                 const char *name) {
    if (snprintf(out, SCRATCH_PATH_BYTES, "%s/%s", folder, name) >= SCRATCH_PATH_BYTES) {
        abort();
    }
    return out;
}

static inline void scratch_write(const char *folder, const char *name, const void *bytes,
                                 size_t size) {
    char path[SCRATCH_PATH_BYTES];
    FILE *file = fopen(scratch_path(path, folder, name), "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

#endif
