// SPDX-License-Identifier: Apache-2.0
// The run directory (docs/run-directory.md) from the worker's side: it is locked as long as an
// od_rundir is open, keeps one spec, and its events are appended line by line.
#ifndef OD_WORKER_RUNDIR_H
#define OD_WORKER_RUNDIR_H

#include "base/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

enum { OD_RUNDIR_PATH_BYTES = 4096 };

typedef struct od_rundir {
    char path[OD_RUNDIR_PATH_BYTES];
    int lock_fd, events_fd;
    long attempt;
} od_rundir;

// Creates path where it is missing, takes the lock, repairs the end of events.ndjson. lock_fd: a
// descriptor of path/lock whose lock is held already, taken over also on failure, or -1. attempt 0:
// one more than the last one in events.ndjson. OD_E_BUSY: another worker holds the lock.
od_status od_rundir_open(od_rundir *out, const char *path, int lock_fd, long attempt,
                         od_error *error) OD_MUST_CHECK;
void od_rundir_close(od_rundir *rundir);

// Whether path is a run directory that somebody has begun: it has a spec.json.
bool od_rundir_exists(const char *path);
// Whether a run in path has got as far as a checkpoint, whole or not.
bool od_rundir_has_checkpoint(const char *path);

// path/leaf into out. OD_E_TOO_LARGE: too long.
od_status od_rundir_path(const od_rundir *rundir, const char *leaf, char out[OD_RUNDIR_PATH_BYTES],
                         od_error *error) OD_MUST_CHECK;

// Writes spec.json where it is missing. OD_E_CONFLICT: there is one, and it is not equal to spec.
od_status od_rundir_keep_spec(const od_rundir *rundir, const cJSON *spec,
                              od_error *error) OD_MUST_CHECK;

// Appends event with v, attempt and at added, in one write; consumes event in every case.
od_status od_rundir_append(const od_rundir *rundir, cJSON *event, od_error *error) OD_MUST_CHECK;

// Makes all appended events durable.
od_status od_rundir_sync(const od_rundir *rundir, od_error *error) OD_MUST_CHECK;

#endif
