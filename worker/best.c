// SPDX-License-Identifier: Apache-2.0
// Saved before the checkpoint of the same step: a run that dies between the two validates that step
// again.
#include "worker/best.h"

#include "base/file.h"
#include "worker/checkpoint_private.h"
#include "worker/events.h"

#include <unistd.h>

static od_status check(const od_checkpoint *checkpoint, const char *folder, od_state *state,
                       od_error *error) {
    OD_TRY(od_checkpoint_read_state(checkpoint, OD_BEST_NAME, state, error));
    if (state->accuracy < 0 || state->step < 1) {
        return od_error_set(error, OD_E_CORRUPT, "state.json has no accuracy or step");
    }
    return od_state_check(state, folder, OD_STATE_MODEL, error);
}

od_status od_best_load(const od_checkpoint *checkpoint, od_best *out, od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES];
    od_state state;
    od_error why = {0};
    *out = (od_best){0};
    OD_TRY(od_checkpoint_path(checkpoint, OD_BEST_NAME, "", folder, error));
    OD_TRY(od_file_restore_folder(folder, error));
    if (access(folder, F_OK) != 0) {
        return OD_OK;
    }
    if (check(checkpoint, folder, &state, &why) != OD_OK) {
        return od_checkpoint_set_aside(checkpoint, OD_BEST_NAME, &why,
                                       "the best is looked for anew", error);
    }
    *out = (od_best){state.step, state.accuracy};
    return OD_OK;
}

static od_status save(const od_checkpoint *checkpoint, const od_trainer *trainer, int64_t epoch,
                      double accuracy, od_error *error) {
    char temporary[OD_RUNDIR_PATH_BYTES], folder[OD_RUNDIR_PATH_BYTES];
    od_state state;
    OD_TRY(od_checkpoint_path(checkpoint, OD_BEST_NAME, "", folder, error));
    OD_TRY(od_checkpoint_state(checkpoint, trainer, epoch, &state, error));
    state.accuracy = accuracy;
    OD_TRY(od_checkpoint_begin(checkpoint, temporary, error));
    OD_TRY(od_checkpoint_add(checkpoint, trainer, OD_STATE_MODEL, &state, error));
    OD_TRY(od_state_write(temporary, &state, error));
    return od_file_replace_folder(temporary, folder, error);
}

od_status od_best_offer(const od_checkpoint *checkpoint, const od_trainer *trainer, int64_t epoch,
                        double accuracy, od_best *best, od_error *error) {
    if (best->step > 0 && accuracy <= best->accuracy) {
        return OD_OK;
    }
    od_status status = save(checkpoint, trainer, epoch, accuracy, error);
    if (status != OD_OK) {
        od_checkpoint_give_up(checkpoint);
        return status;
    }
    *best = (od_best){od_trainer_step_count(trainer), accuracy};
    return od_events_checkpoint(checkpoint->rundir, best->step, OD_BEST_NAME, error);
}
