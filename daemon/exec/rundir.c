// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/rundir.h"

#include <inttypes.h>
#include <stdio.h>

od_status od_rundir_path(char out[PATH_MAX], const char *state_dir, int64_t job, const char *leaf,
                         od_error *error) {
    int length = snprintf(out, PATH_MAX, "%s/runs/%" PRId64 "%s%s", state_dir, job,
                          *leaf == '\0' ? "" : "/", leaf);
    if (length >= PATH_MAX) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s: the path of the state directory is too long",
                            state_dir);
    }
    return OD_OK;
}
