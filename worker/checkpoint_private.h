// SPDX-License-Identifier: Apache-2.0
// What the files about checkpoints share: checkpoint.c (saving), checkpoint_load.c, best.c.
#ifndef OD_WORKER_CHECKPOINT_PRIVATE_H
#define OD_WORKER_CHECKPOINT_PRIVATE_H

#include "worker/checkpoint.h"
#include "worker/state.h"

#define OD_CHECKPOINT_TEMPORARY "saving.tmp"

// checkpoints/name/leaf; name and leaf may be "".
od_status od_checkpoint_path(const od_checkpoint *checkpoint, const char *name, const char *leaf,
                             char out[OD_RUNDIR_PATH_BYTES], od_error *error) OD_MUST_CHECK;
void od_checkpoint_name(int64_t step, char out[OD_CHECKPOINT_NAME_BYTES]);

// The steps of all checkpoints, newest first; free() *out.
od_status od_checkpoint_list(const od_checkpoint *checkpoint, int64_t **out, size_t *count,
                             od_error *error) OD_MUST_CHECK;
od_status od_checkpoint_remove(const od_checkpoint *checkpoint, const char *name,
                               od_error *error) OD_MUST_CHECK;

// Keeps a broken one for people, under a name that no worker looks at, and says so; what_now ends
// the sentence.
od_status od_checkpoint_set_aside(const od_checkpoint *checkpoint, const char *name,
                                  const od_error *why, const char *what_now,
                                  od_error *error) OD_MUST_CHECK;

// What state.json says whatever the checkpoint is for.
od_status od_checkpoint_state(const od_checkpoint *checkpoint, const od_trainer *trainer,
                              int64_t epoch, od_state *out, od_error *error) OD_MUST_CHECK;

// Begins the temporary folder anew; writes one of its files and keeps its checksum in state.
od_status od_checkpoint_begin(const od_checkpoint *checkpoint, char folder[OD_RUNDIR_PATH_BYTES],
                              od_error *error) OD_MUST_CHECK;
od_status od_checkpoint_add(const od_checkpoint *checkpoint, const od_trainer *trainer,
                            od_state_file file, od_state *state, od_error *error) OD_MUST_CHECK;
// Frees the disk of an unfinished one at once; where that fails, the next worker does it.
void od_checkpoint_give_up(const od_checkpoint *checkpoint);

// Reads name's state.json. OD_E_CORRUPT: it is not of this spec.
od_status od_checkpoint_read_state(const od_checkpoint *checkpoint, const char *name, od_state *out,
                                   od_error *error) OD_MUST_CHECK;

#endif
