// SPDX-License-Identifier: Apache-2.0
// Where the files of a run are: STATE_DIR/runs/ID/, laid out as docs/run-directory.md says.
#ifndef OD_DAEMON_EXEC_RUNDIR_H
#define OD_DAEMON_EXEC_RUNDIR_H

#include "base/error.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

// The path of leaf ("events.ndjson"; "" for the folder itself) of a job into out (PATH_MAX bytes).
// leaf comes from this program, never from outside.
od_status od_rundir_path(char out[PATH_MAX], const char *state_dir, int64_t job, const char *leaf,
                         od_error *error) OD_MUST_CHECK;

#endif
