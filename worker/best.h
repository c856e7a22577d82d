// SPDX-License-Identifier: Apache-2.0
// The best model so far, by val/acc@1: the folder checkpoints/best with model.safetensors and a
// state.json that tells its step and accuracy. The first of equals stays, nothing ever deletes it,
// and a resumed run knows it.
#ifndef OD_WORKER_BEST_H
#define OD_WORKER_BEST_H

#include "worker/checkpoint.h"

#define OD_BEST_NAME "best"

typedef struct od_best {
    int64_t step; // 0: there is none
    double accuracy;
} od_best;

// What an earlier attempt has left. A broken one is told, renamed to best.broken and forgotten.
od_status od_best_load(const od_checkpoint *checkpoint, od_best *out,
                       od_error *error) OD_MUST_CHECK;

// Saves the model when its accuracy is better than *best, which it replaces; appends the event. On
// failure the one before stays.
od_status od_best_offer(const od_checkpoint *checkpoint, const od_trainer *trainer, int64_t epoch,
                        double accuracy, od_best *best, od_error *error) OD_MUST_CHECK;

#endif
