// SPDX-License-Identifier: Apache-2.0
// The files of a run: STATE_DIR/runs/ID/, laid out as docs/run-directory.md says. All but
// od_rundir_path touch the disk and belong on the thread pool.
#ifndef OD_DAEMON_EXEC_RUNDIR_H
#define OD_DAEMON_EXEC_RUNDIR_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The path of leaf ("events.ndjson"; "" for the folder itself) of a job into out (PATH_MAX bytes).
// leaf comes from this program, never from outside.
od_status od_rundir_path(char out[PATH_MAX], const char *state_dir, int64_t job, const char *leaf,
                         od_error *error) OD_MUST_CHECK;

// The descriptors that a worker is born with; -1 when closed.
typedef struct od_rundir_files {
    int lock; // locked
    int log;  // worker.log, to append to
} od_rundir_files;

// Makes the folder and its files ready for a worker and takes the lock. spec.json is written when
// it is missing. OD_E_EXISTS: there is a different spec.json. OD_E_BUSY: somebody holds the lock.
od_status od_rundir_prepare(const char *state_dir, int64_t job, const char *spec,
                            od_rundir_files *out, od_error *error) OD_MUST_CHECK;

void od_rundir_files_close(od_rundir_files *files);

// *alive: somebody holds the lock. No lock file: nobody does.
od_status od_rundir_probe(const char *state_dir, int64_t job, bool *alive,
                          od_error *error) OD_MUST_CHECK;

// The last line of worker.log that is not empty, cut to size; "" when there is none.
void od_rundir_last_log_line(const char *state_dir, int64_t job, char *out, size_t size);

// When events.ndjson was written to last, in wall milliseconds; 0: there is none.
int64_t od_rundir_last_event_ms(const char *state_dir, int64_t job);

// Deletes the folder. Fine when it is not there.
od_status od_rundir_remove(const char *state_dir, int64_t job, od_error *error) OD_MUST_CHECK;

#endif
