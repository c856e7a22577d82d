// SPDX-License-Identifier: Apache-2.0
// Files of a made-up /proc and /sys below a test's folder.
#ifndef OD_TESTS_UNIT_DAEMON_FAKE_ROOT_H
#define OD_TESTS_UNIT_DAEMON_FAKE_ROOT_H

#include "tests/unit/scratch.h"

#include <libgen.h>

static inline void fake_root_write(const char *root, const char *path, const char *text) {
    char whole[SCRATCH_PATH_BYTES];
    char folder[SCRATCH_PATH_BYTES];
    scratch_path(whole, root, path);
    scratch_path(folder, root, path);
    if (od_file_make_folders(dirname(folder), NULL) != OD_OK) {
        abort();
    }
    scratch_write(root, path, text, strlen(text));
}

#endif
