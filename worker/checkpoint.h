// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a run: folders checkpoints/step-00000468 that appear whole (temporary folder, fsync,
// rename) and are believed only when every file has the size and the checksum that state.json
// (worker/state.h) says. Beside them checkpoints/best (worker/best.h).
#ifndef OD_WORKER_CHECKPOINT_H
#define OD_WORKER_CHECKPOINT_H

#include "core/train/trainer.h"
#include "worker/meter.h"
#include "worker/rundir.h"

enum { OD_CHECKPOINT_NAME_BYTES = 32 };

typedef struct od_checkpoint {
    const od_rundir *rundir;
    const cJSON *spec;   // with all defaults; a checkpoint of another one is refused
    const char *backend; // a resumed run has the same bits only with the same backend and threads
    int threads;
    int64_t keep; // the newest that stay
} od_checkpoint;

// Saves trainer and meter, deletes what is older than the newest `keep`, appends the event. All
// events before it are made durable first, so that no point below a checkpoint can be missing.
// same_model: the name of a checkpoint with this very model, whose file is linked to rather than
// written again, or NULL. On failure nothing is left of it.
od_status od_checkpoint_save(const od_checkpoint *checkpoint, const od_trainer *trainer,
                             const od_meter *meter, int64_t epoch, const char *same_model,
                             od_error *error) OD_MUST_CHECK;

// Puts the newest whole checkpoint back; *step is its step, 0 when there is none. A broken one is
// told in a log event, renamed to step-….broken and the one before is tried. Deletes what an
// earlier worker left half written.
od_status od_checkpoint_load(const od_checkpoint *checkpoint, od_trainer *trainer, od_meter *meter,
                             int64_t *step, od_error *error) OD_MUST_CHECK;

#endif
