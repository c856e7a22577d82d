// SPDX-License-Identifier: Apache-2.0
#include "worker/checkpoint.h"

#include "base/file.h"
#include "core/io/safetensors.h"
#include "worker/checkpoint_private.h"
#include "worker/events.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char BROKEN[] = ".broken";

// --- paths --------------------------------------------------------------------------------

od_status od_checkpoint_path(const od_checkpoint *checkpoint, const char *name, const char *leaf,
                             char out[OD_RUNDIR_PATH_BYTES], od_error *error) {
    char below[256];
    snprintf(below, sizeof below, "checkpoints%s%s%s%s", *name != '\0' ? "/" : "", name,
             *leaf != '\0' ? "/" : "", leaf);
    return od_rundir_path(checkpoint->rundir, below, out, error);
}

void od_checkpoint_name(int64_t step, char out[OD_CHECKPOINT_NAME_BYTES]) {
    snprintf(out, OD_CHECKPOINT_NAME_BYTES, "step-%08" PRId64, step);
}

// The step of a folder's name, or -1 when it is no checkpoint's.
static int64_t step_of(const char *name) {
    char again[OD_CHECKPOINT_NAME_BYTES];
    if (strncmp(name, "step-", 5) != 0) {
        return -1;
    }
    int64_t step = strtoll(name + 5, NULL, 10);
    od_checkpoint_name(step, again);
    return step >= 0 && strcmp(again, name) == 0 ? step : -1;
}

static int newest_first(const void *a, const void *b) {
    const int64_t *left = a, *right = b;
    return (*left < *right) - (*left > *right);
}

od_status od_checkpoint_list(const od_checkpoint *checkpoint, int64_t **out, size_t *count,
                             od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES];
    od_buffer steps = {0};
    od_status status = od_checkpoint_path(checkpoint, "", "", folder, error);
    DIR *entries = status == OD_OK ? opendir(folder) : NULL;
    if (entries == NULL) {
        return od_error_set_errno(error, errno, "%s: cannot list", folder);
    }
    for (struct dirent *entry; status == OD_OK && (entry = readdir(entries)) != NULL;) {
        int64_t step = step_of(entry->d_name);
        if (step >= 0) {
            status = od_buffer_append(&steps, &step, sizeof step);
        }
    }
    closedir(entries);
    if (status != OD_OK) {
        od_buffer_fini(&steps);
        return od_error_set(error, status, "no memory to list %s", folder);
    }
    *count = steps.size / sizeof **out;
    *out = (int64_t *)(void *)od_buffer_take(&steps);
    if (*count > 1) {
        qsort(*out, *count, sizeof **out, newest_first);
    }
    return OD_OK;
}

od_status od_checkpoint_remove(const od_checkpoint *checkpoint, const char *name, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(od_checkpoint_path(checkpoint, name, "", path, error));
    return od_file_remove_tree(path, error);
}

static od_status rename_broken(const od_checkpoint *checkpoint, const char *name,
                               const char *broken, od_error *error) {
    char from[OD_RUNDIR_PATH_BYTES], to[OD_RUNDIR_PATH_BYTES];
    OD_TRY(od_checkpoint_remove(checkpoint, broken, error));
    OD_TRY(od_checkpoint_path(checkpoint, name, "", from, error));
    OD_TRY(od_checkpoint_path(checkpoint, broken, "", to, error));
    return rename(from, to) == 0
               ? OD_OK
               : od_error_set_errno(error, errno, "%s: cannot rename to %s", from, to);
}

od_status od_checkpoint_set_aside(const od_checkpoint *checkpoint, const char *name,
                                  const od_error *why, const char *what_now, od_error *error) {
    char message[OD_ERROR_TEXT_BYTES + 256];
    char broken[OD_CHECKPOINT_NAME_BYTES + sizeof BROKEN];
    snprintf(broken, sizeof broken, "%s%s", name, BROKEN);
    OD_TRY(rename_broken(checkpoint, name, broken, error));
    snprintf(message, sizeof message, "checkpoint %s is broken (%s); renamed to %s, %s", name,
             why->text, broken, what_now);
    return od_events_log(checkpoint->rundir, OD_LOG_WARNING, message, error);
}

// --- the temporary folder -----------------------------------------------------------------

od_status od_checkpoint_begin(const od_checkpoint *checkpoint, char folder[OD_RUNDIR_PATH_BYTES],
                              od_error *error) {
    OD_TRY(od_checkpoint_remove(checkpoint, OD_CHECKPOINT_TEMPORARY, error));
    OD_TRY(od_checkpoint_path(checkpoint, OD_CHECKPOINT_TEMPORARY, "", folder, error));
    return od_file_make_folders(folder, error);
}

static od_status write_tensors(const od_trainer *trainer, od_state_file file, const char *path,
                               od_error *error) {
    od_tensor_list list = {0};
    OD_TRY(file == OD_STATE_MODEL ? od_trainer_model(trainer, &list, error)
                                  : od_trainer_optimizer(trainer, &list, error));
    od_status status = od_safetensors_write(path, list.tensors, list.count, NULL, 0, error);
    od_trainer_tensors_fini(&list);
    return status;
}

od_status od_checkpoint_add(const od_checkpoint *checkpoint, const od_trainer *trainer,
                            od_state_file file, od_state *state, od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES], path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(od_checkpoint_path(checkpoint, OD_CHECKPOINT_TEMPORARY, "", folder, error));
    OD_TRY(od_checkpoint_path(checkpoint, OD_CHECKPOINT_TEMPORARY, od_state_file_names[file], path,
                              error));
    OD_TRY(write_tensors(trainer, file, path, error));
    return od_state_sum(state, folder, file, error);
}

void od_checkpoint_give_up(const od_checkpoint *checkpoint) {
    od_status ignored = od_checkpoint_remove(checkpoint, OD_CHECKPOINT_TEMPORARY, NULL);
    (void)ignored;
}

// --- state.json ---------------------------------------------------------------------------

od_status od_checkpoint_state(const od_checkpoint *checkpoint, const od_trainer *trainer,
                              int64_t epoch, od_state *out, od_error *error) {
    *out = (od_state){
        .step = od_trainer_step_count(trainer),
        .epoch = epoch,
        .threads = checkpoint->threads,
        .accuracy = -1,
    };
    snprintf(out->backend, sizeof out->backend, "%s", checkpoint->backend);
    return od_state_sum_spec(checkpoint->spec, out->spec, error);
}

od_status od_checkpoint_read_state(const od_checkpoint *checkpoint, const char *name, od_state *out,
                                   od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES], spec[OD_STATE_SUM_BYTES];
    OD_TRY(od_state_sum_spec(checkpoint->spec, spec, error));
    OD_TRY(od_checkpoint_path(checkpoint, name, "", folder, error));
    OD_TRY(od_state_read(folder, out, error));
    return strcmp(out->spec, spec) == 0
               ? OD_OK
               : od_error_set(error, OD_E_CORRUPT, "it belongs to another spec");
}

// --- saving -------------------------------------------------------------------------------

// The model's file: a second name of the one in same_model, or a file of its own where there is
// none, and where the file system has no second names.
static od_status add_model(const od_checkpoint *checkpoint, const od_trainer *trainer,
                           const char *same_model, od_state *state, od_error *error) {
    const char *file = od_state_file_names[OD_STATE_MODEL];
    char folder[OD_RUNDIR_PATH_BYTES], from[OD_RUNDIR_PATH_BYTES], to[OD_RUNDIR_PATH_BYTES];
    if (same_model != NULL) {
        OD_TRY(od_checkpoint_path(checkpoint, same_model, file, from, error));
        OD_TRY(od_checkpoint_path(checkpoint, OD_CHECKPOINT_TEMPORARY, "", folder, error));
        OD_TRY(od_checkpoint_path(checkpoint, OD_CHECKPOINT_TEMPORARY, file, to, error));
        if (link(from, to) == 0) {
            return od_state_sum(state, folder, OD_STATE_MODEL, error);
        }
    }
    return od_checkpoint_add(checkpoint, trainer, OD_STATE_MODEL, state, error);
}

static od_status publish(const od_checkpoint *checkpoint, const char *folder, const char *name,
                         od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(od_checkpoint_path(checkpoint, name, "", path, error));
    if (rename(folder, path) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot rename to %s", folder, path);
    }
    OD_TRY(od_checkpoint_path(checkpoint, "", "", path, error));
    return od_file_sync_folder(path, error);
}

static od_status write_all(const od_checkpoint *checkpoint, const od_trainer *trainer,
                           const char *same_model, od_state *state, const char *name,
                           od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES];
    OD_TRY(od_checkpoint_begin(checkpoint, folder, error));
    OD_TRY(add_model(checkpoint, trainer, same_model, state, error));
    OD_TRY(od_checkpoint_add(checkpoint, trainer, OD_STATE_OPTIMIZER, state, error));
    OD_TRY(od_state_write(folder, state, error));
    return publish(checkpoint, folder, name, error);
}

static od_status prune(const od_checkpoint *checkpoint, od_error *error) {
    int64_t *steps = NULL;
    size_t count = 0;
    OD_TRY(od_checkpoint_list(checkpoint, &steps, &count, error));
    od_status status = OD_OK;
    for (size_t i = (size_t)checkpoint->keep; i < count && status == OD_OK; i++) {
        char name[OD_CHECKPOINT_NAME_BYTES];
        od_checkpoint_name(steps[i], name);
        status = od_checkpoint_remove(checkpoint, name, error);
    }
    free(steps);
    return status;
}

od_status od_checkpoint_save(const od_checkpoint *checkpoint, const od_trainer *trainer,
                             const od_meter *meter, int64_t epoch, const char *same_model,
                             od_error *error) {
    char name[OD_CHECKPOINT_NAME_BYTES];
    od_state state;
    OD_TRY(od_rundir_sync(checkpoint->rundir, error));
    OD_TRY(od_checkpoint_state(checkpoint, trainer, epoch, &state, error));
    state.has_interval = true;
    state.meter = *meter;
    od_checkpoint_name(state.step, name);
    od_status status = write_all(checkpoint, trainer, same_model, &state, name, error);
    if (status != OD_OK) {
        od_checkpoint_give_up(checkpoint);
        return status;
    }
    OD_TRY(prune(checkpoint, error));
    return od_events_checkpoint(checkpoint->rundir, state.step, name, error);
}
