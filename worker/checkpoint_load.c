// SPDX-License-Identifier: Apache-2.0
// Loading: the newest first, until one is whole.
#include "base/file.h"
#include "core/io/safetensors.h"
#include "worker/checkpoint_private.h"
#include "worker/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t MAX_FILE_BYTES = (size_t)1 << 40;

typedef struct saved_run {
    od_state state;
    od_safetensors files[OD_STATE_FILES];
} saved_run;

static void saved_fini(saved_run *saved) {
    for (int file = 0; file < OD_STATE_FILES; file++) {
        od_safetensors_fini(&saved->files[file]);
    }
}

static od_status check_state(const char *name, const od_state *state, od_error *error) {
    char expected[OD_CHECKPOINT_NAME_BYTES];
    od_checkpoint_name(state->step, expected);
    if (strcmp(name, expected) != 0) {
        return od_error_set(error, OD_E_CORRUPT, "state.json is of step %lld",
                            (long long)state->step);
    }
    return state->has_interval ? OD_OK
                               : od_error_set(error, OD_E_CORRUPT, "state.json lacks interval");
}

static od_status read_saved(const od_checkpoint *checkpoint, const char *name, saved_run *out,
                            od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES], path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(od_checkpoint_path(checkpoint, name, "", folder, error));
    OD_TRY(od_checkpoint_read_state(checkpoint, name, &out->state, error));
    OD_TRY(check_state(name, &out->state, error));
    for (int file = 0; file < OD_STATE_FILES; file++) {
        OD_TRY(od_state_check(&out->state, folder, (od_state_file)file, error));
        OD_TRY(od_checkpoint_path(checkpoint, name, od_state_file_names[file], path, error));
        OD_TRY(od_safetensors_read(path, MAX_FILE_BYTES, &out->files[file], error));
    }
    return OD_OK;
}

static od_status warn_of_other_machine(const od_checkpoint *checkpoint, const od_state *state,
                                       od_error *error) {
    if (strcmp(state->backend, checkpoint->backend) == 0 && state->threads == checkpoint->threads) {
        return OD_OK;
    }
    char message[256];
    snprintf(
        message, sizeof message,
        "the checkpoint was made by backend %s with %d threads, this attempt uses %.16s with %d: "
        "the bits of an uninterrupted run are not to be expected",
        state->backend, state->threads, checkpoint->backend, checkpoint->threads);
    return od_events_log(checkpoint->rundir, OD_LOG_WARNING, message, error);
}

// Model first: when the optimizer's state does not fit, the caller has the start weights to put
// back.
static od_status apply(const od_checkpoint *checkpoint, const char *name, od_trainer *trainer,
                       od_meter *meter, int64_t *step, od_error *error) {
    saved_run saved = {0};
    od_status status = read_saved(checkpoint, name, &saved, error);
    if (status == OD_OK) {
        status = od_trainer_load_model(trainer, saved.files[OD_STATE_MODEL].tensors,
                                       saved.files[OD_STATE_MODEL].count, error);
    }
    if (status == OD_OK) {
        status = od_trainer_load_optimizer(trainer, saved.files[OD_STATE_OPTIMIZER].tensors,
                                           saved.files[OD_STATE_OPTIMIZER].count, saved.state.step,
                                           error);
    }
    if (status == OD_OK) {
        *meter = saved.state.meter;
        *step = saved.state.step;
        status = warn_of_other_machine(checkpoint, &saved.state, error);
    }
    saved_fini(&saved);
    return status;
}

// Whether another checkpoint may do better; what this machine lacks or refuses is no one's fault.
static bool is_broken(od_status status) {
    return status != OD_E_NO_MEMORY && status != OD_E_IO && status != OD_E_DEVICE &&
           status != OD_E_INTERNAL;
}

static od_status load_newest(const od_checkpoint *checkpoint, const int64_t *steps, size_t count,
                             od_trainer *trainer, od_meter *meter, int64_t *step, od_error *error) {
    for (size_t i = 0; i < count; i++) {
        char name[OD_CHECKPOINT_NAME_BYTES];
        od_error why = {0};
        od_checkpoint_name(steps[i], name);
        od_status status = apply(checkpoint, name, trainer, meter, step, &why);
        if (status == OD_OK) {
            return OD_OK;
        }
        if (!is_broken(status)) {
            return od_error_set(error, status, "checkpoint %s: %s", name, why.text);
        }
        OD_TRY(
            od_checkpoint_set_aside(checkpoint, name, &why, "going on from the one before", error));
    }
    return OD_OK;
}

typedef struct start_state {
    od_tensor_list model, optimizer;
} start_state;

// Undoes what a checkpoint that fitted only in part has put into the trainer.
static od_status put_back(const start_state *start, od_trainer *trainer, od_error *error) {
    OD_TRY(od_trainer_load_model(trainer, start->model.tensors, start->model.count, error));
    return od_trainer_load_optimizer(trainer, start->optimizer.tensors, start->optimizer.count, 0,
                                     error);
}

static od_status load_some(const od_checkpoint *checkpoint, const int64_t *steps, size_t count,
                           od_trainer *trainer, od_meter *meter, int64_t *step, od_error *error) {
    start_state start = {0};
    od_status status = od_trainer_model(trainer, &start.model, error);
    if (status == OD_OK) {
        status = od_trainer_optimizer(trainer, &start.optimizer, error);
    }
    if (status == OD_OK) {
        status = load_newest(checkpoint, steps, count, trainer, meter, step, error);
    }
    if (status == OD_OK && *step == 0) {
        status = put_back(&start, trainer, error);
    }
    od_trainer_tensors_fini(&start.model);
    od_trainer_tensors_fini(&start.optimizer);
    return status;
}

od_status od_checkpoint_load(const od_checkpoint *checkpoint, od_trainer *trainer, od_meter *meter,
                             int64_t *step, od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES];
    int64_t *steps = NULL;
    size_t count = 0;
    *step = 0;
    OD_TRY(od_checkpoint_path(checkpoint, "", "", folder, error));
    OD_TRY(od_file_make_folders(folder, error));
    OD_TRY(od_checkpoint_remove(checkpoint, OD_CHECKPOINT_TEMPORARY, error));
    OD_TRY(od_checkpoint_list(checkpoint, &steps, &count, error));
    od_status status =
        count > 0 ? load_some(checkpoint, steps, count, trainer, meter, step, error) : OD_OK;
    free(steps);
    return status;
}
