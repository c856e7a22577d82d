// SPDX-License-Identifier: Apache-2.0
// The course of a run: steps, points, validation, checkpoints, until the last step or a signal.
//
// What happens behind a step has a fixed order: the point, validation, the best, the checkpoint. So
// everything that a run has said of steps up to a checkpoint is in events.ndjson when the checkpoint
// is there, and a resumed run never has to say it again.
//
// A checkpoint on the way that cannot be written, most often because the disk is full, is told and
// left out: the run is worth more than it. The one at the end and the one at a signal must be there.
#ifndef OD_WORKER_TRAINING_H
#define OD_WORKER_TRAINING_H

#include "worker/best.h"
#include "worker/checkpoint.h"
#include "worker/job.h"

typedef struct od_training {
    const od_job *job;
    od_trainer *trainer;
    od_checkpoint checkpoint;
    od_best best;
    od_meter meter;
    int64_t start_step; // of this attempt
} od_training;

// Goes on from start_step. *stopped_by: the signal that ended it early, NULL when the last step is
// done and DIR/model.safetensors is written.
od_status od_training_run(od_training *training, const char **stopped_by,
                          od_error *error) OD_MUST_CHECK;

#endif
