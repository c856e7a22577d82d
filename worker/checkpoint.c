// SPDX-License-Identifier: Apache-2.0
#include "worker/checkpoint.h"

#include "base/file.h"
#include "base/json.h"
#include "core/io/safetensors.h"
#include "worker/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { STATE_VERSION = 1, MAX_STATE_BYTES = 1 << 16, CHUNK_BYTES = 1 << 18, CHECKSUM_BYTES = 20 };
static const char TEMPORARY[] = "saving.tmp";
static const char BROKEN[] = ".broken";
static const size_t MAX_FILE_BYTES = (size_t)1 << 40;

enum { MODEL, OPTIMIZER, FILES };
static const char *const file_names[FILES] = {"model.safetensors", "optimizer.safetensors"};

// --- paths --------------------------------------------------------------------------------

// checkpoints/name/leaf; name and leaf may be "".
static od_status path_of(const od_checkpoint *checkpoint, const char *name, const char *leaf,
                         char out[OD_RUNDIR_PATH_BYTES], od_error *error) {
    char below[256];
    snprintf(below, sizeof below, "checkpoints%s%s%s%s", *name != '\0' ? "/" : "", name,
             *leaf != '\0' ? "/" : "", leaf);
    return od_rundir_path(checkpoint->rundir, below, out, error);
}

static void name_of(int64_t step, char out[OD_CHECKPOINT_NAME_BYTES]) {
    snprintf(out, OD_CHECKPOINT_NAME_BYTES, "step-%08" PRId64, step);
}

// The step of a folder's name, or -1 when it is no checkpoint's.
static int64_t step_of(const char *name) {
    char again[OD_CHECKPOINT_NAME_BYTES];
    if (strncmp(name, "step-", 5) != 0) {
        return -1;
    }
    int64_t step = strtoll(name + 5, NULL, 10);
    name_of(step, again);
    return step >= 0 && strcmp(again, name) == 0 ? step : -1;
}

static int newest_first(const void *a, const void *b) {
    const int64_t *left = a, *right = b;
    return (*left < *right) - (*left > *right);
}

// The steps of all checkpoints, newest first; free() *out.
static od_status list_steps(const od_checkpoint *checkpoint, int64_t **out, size_t *count,
                            od_error *error) {
    char folder[OD_RUNDIR_PATH_BYTES];
    od_buffer steps = {0};
    od_status status = path_of(checkpoint, "", "", folder, error);
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

static od_status remove_checkpoint(const od_checkpoint *checkpoint, const char *name,
                                   od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(path_of(checkpoint, name, "", path, error));
    return od_file_remove_tree(path, error);
}

// --- checksums ----------------------------------------------------------------------------

typedef struct checksum {
    int64_t bytes;
    char crc32[CHECKSUM_BYTES]; // eight hexadecimal digits
} checksum;

static od_status sum_file(const char *path, checksum *out, od_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *chunk = malloc(CHUNK_BYTES);
    uLong crc = crc32(0, NULL, 0);
    ssize_t got = -1;
    out->bytes = 0;
    if (fd >= 0 && chunk != NULL) {
        while ((got = read(fd, chunk, CHUNK_BYTES)) > 0) {
            crc = crc32(crc, (const Bytef *)chunk, (uInt)got);
            out->bytes += got;
        }
    }
    int failed = errno;
    snprintf(out->crc32, sizeof out->crc32, "%08lx", crc);
    free(chunk);
    if (fd >= 0) {
        close(fd);
    }
    return got == 0 ? OD_OK : od_error_set_errno(error, failed, "%s: cannot read", path);
}

static od_status sum_spec(const cJSON *spec, char out[CHECKSUM_BYTES], od_error *error) {
    char *text = od_json_canonical(spec);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the spec");
    }
    uLong crc = crc32_z(crc32(0, NULL, 0), (const Bytef *)text, strlen(text));
    snprintf(out, CHECKSUM_BYTES, "%08lx", crc);
    free(text);
    return OD_OK;
}

// --- saving -------------------------------------------------------------------------------

static od_status write_tensors(const od_trainer *trainer, int file, const char *path,
                               od_error *error) {
    od_tensor_list list = {0};
    OD_TRY(file == MODEL ? od_trainer_model(trainer, &list, error)
                         : od_trainer_optimizer(trainer, &list, error));
    od_status status = od_safetensors_write(path, list.tensors, list.count, NULL, 0, error);
    od_trainer_tensors_fini(&list);
    return status;
}

static od_status make_state(const od_checkpoint *checkpoint, const od_trainer *trainer,
                            const od_meter *meter, int64_t epoch, cJSON **out, od_error *error) {
    char spec[CHECKSUM_BYTES];
    OD_TRY(sum_spec(checkpoint->spec, spec, error));
    cJSON *state = cJSON_CreateObject();
    cJSON_AddNumberToObject(state, "v", STATE_VERSION);
    cJSON_AddNumberToObject(state, "step", (double)od_trainer_step_count(trainer));
    cJSON_AddNumberToObject(state, "epoch", (double)epoch);
    cJSON_AddStringToObject(state, "spec", spec);
    cJSON_AddStringToObject(state, "backend", checkpoint->backend);
    cJSON_AddNumberToObject(state, "threads", checkpoint->threads);
    cJSON_AddItemToObject(state, "interval", od_meter_save(meter));
    cJSON_AddObjectToObject(state, "files");
    *out = state;
    return OD_OK;
}

static void add_file(cJSON *state, int file, const checksum *sum) {
    cJSON *entry =
        cJSON_AddObjectToObject(cJSON_GetObjectItemCaseSensitive(state, "files"), file_names[file]);
    cJSON_AddNumberToObject(entry, "bytes", (double)sum->bytes);
    cJSON_AddStringToObject(entry, "crc32", sum->crc32);
}

static od_status write_state(const od_checkpoint *checkpoint, const cJSON *state, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(path_of(checkpoint, TEMPORARY, "state.json", path, error));
    char *text = od_json_print(state);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for state.json");
    }
    od_status status = od_file_publish(path, text, strlen(text), error);
    free(text);
    return status;
}

// The three files in the temporary folder.
static od_status fill_folder(const od_checkpoint *checkpoint, const od_trainer *trainer,
                             cJSON *state, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(remove_checkpoint(checkpoint, TEMPORARY, error));
    OD_TRY(path_of(checkpoint, TEMPORARY, "", path, error));
    OD_TRY(od_file_make_folders(path, error));
    for (int file = 0; file < FILES; file++) {
        checksum sum;
        OD_TRY(path_of(checkpoint, TEMPORARY, file_names[file], path, error));
        OD_TRY(write_tensors(trainer, file, path, error));
        OD_TRY(sum_file(path, &sum, error));
        add_file(state, file, &sum);
    }
    return write_state(checkpoint, state, error);
}

static od_status publish_folder(const od_checkpoint *checkpoint, const char *name,
                                od_error *error) {
    char temporary[OD_RUNDIR_PATH_BYTES], path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(path_of(checkpoint, TEMPORARY, "", temporary, error));
    OD_TRY(path_of(checkpoint, name, "", path, error));
    if (rename(temporary, path) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot rename to %s", temporary, path);
    }
    OD_TRY(path_of(checkpoint, "", "", path, error));
    return od_file_sync_folder(path, error);
}

static od_status prune(const od_checkpoint *checkpoint, od_error *error) {
    int64_t *steps = NULL;
    size_t count = 0;
    OD_TRY(list_steps(checkpoint, &steps, &count, error));
    od_status status = OD_OK;
    for (size_t i = (size_t)checkpoint->keep; i < count && status == OD_OK; i++) {
        char name[OD_CHECKPOINT_NAME_BYTES];
        name_of(steps[i], name);
        status = remove_checkpoint(checkpoint, name, error);
    }
    free(steps);
    return status;
}

od_status od_checkpoint_save(const od_checkpoint *checkpoint, const od_trainer *trainer,
                             const od_meter *meter, int64_t epoch, od_error *error) {
    char name[OD_CHECKPOINT_NAME_BYTES];
    cJSON *state = NULL;
    name_of(od_trainer_step_count(trainer), name);
    OD_TRY(od_rundir_sync(checkpoint->rundir, error));
    OD_TRY(make_state(checkpoint, trainer, meter, epoch, &state, error));
    od_status status = fill_folder(checkpoint, trainer, state, error);
    cJSON_Delete(state);
    if (status == OD_OK) {
        status = publish_folder(checkpoint, name, error);
    }
    if (status != OD_OK) {
        goto err_folder;
    }
    OD_TRY(prune(checkpoint, error));
    return od_events_checkpoint(checkpoint->rundir, od_trainer_step_count(trainer), name, error);

err_folder:;
    // Frees the disk at once; where that fails, the next worker does it.
    od_status ignored = remove_checkpoint(checkpoint, TEMPORARY, NULL);
    (void)ignored;
    return status;
}

// --- loading ------------------------------------------------------------------------------

typedef struct saved_run {
    cJSON *state;
    int64_t step;
    od_meter meter;
    od_safetensors files[FILES];
} saved_run;

static void saved_fini(saved_run *saved) {
    cJSON_Delete(saved->state);
    for (int file = 0; file < FILES; file++) {
        od_safetensors_fini(&saved->files[file]);
    }
}

static double number_at(const cJSON *object, const char *path) {
    const cJSON *node = od_json_at(object, path);
    return cJSON_IsNumber(node) ? node->valuedouble : -1;
}

static const char *text_at(const cJSON *object, const char *name) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(node) ? node->valuestring : "";
}

static od_status read_state(const od_checkpoint *checkpoint, const char *name, saved_run *out,
                            od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES], spec[CHECKSUM_BYTES];
    od_buffer text = {0};
    OD_TRY(sum_spec(checkpoint->spec, spec, error));
    OD_TRY(path_of(checkpoint, name, "state.json", path, error));
    od_status status = od_file_read(path, MAX_STATE_BYTES, &text, error);
    if (status == OD_OK) {
        status = od_json_parse(text.data, text.size, &out->state, error);
    }
    od_buffer_fini(&text);
    OD_TRY(status);
    out->step = (int64_t)number_at(out->state, "step");
    if (number_at(out->state, "v") != STATE_VERSION || out->step != step_of(name)) {
        return od_error_set(error, OD_E_CORRUPT,
                            "state.json is not of version %d or not of step %s", STATE_VERSION,
                            name);
    }
    if (strcmp(text_at(out->state, "spec"), spec) != 0) {
        return od_error_set(error, OD_E_CORRUPT, "it belongs to another spec");
    }
    return od_meter_load(&out->meter, cJSON_GetObjectItemCaseSensitive(out->state, "interval"),
                         error);
}

static od_status read_file(const od_checkpoint *checkpoint, const char *name, int file,
                           saved_run *out, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    checksum sum;
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(out->state, "files");
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(files, file_names[file]);
    OD_TRY(path_of(checkpoint, name, file_names[file], path, error));
    OD_TRY(sum_file(path, &sum, error));
    if (number_at(entry, "bytes") != (double)sum.bytes ||
        strcmp(text_at(entry, "crc32"), sum.crc32) != 0) {
        return od_error_set(error, OD_E_CORRUPT,
                            "%s has %lld bytes with checksum %s; state.json says %.0f and %.16s",
                            file_names[file], (long long)sum.bytes, sum.crc32,
                            number_at(entry, "bytes"), text_at(entry, "crc32"));
    }
    return od_safetensors_read(path, MAX_FILE_BYTES, &out->files[file], error);
}

static od_status read_saved(const od_checkpoint *checkpoint, const char *name, saved_run *out,
                            od_error *error) {
    OD_TRY(read_state(checkpoint, name, out, error));
    for (int file = 0; file < FILES; file++) {
        OD_TRY(read_file(checkpoint, name, file, out, error));
    }
    return OD_OK;
}

static od_status warn_of_other_machine(const od_checkpoint *checkpoint, const saved_run *saved,
                                       od_error *error) {
    const char *backend = text_at(saved->state, "backend");
    double threads = number_at(saved->state, "threads");
    if (strcmp(backend, checkpoint->backend) == 0 && threads == checkpoint->threads) {
        return OD_OK;
    }
    char message[256];
    snprintf(
        message, sizeof message,
        "the checkpoint was made by backend %.16s with %.0f threads, this attempt uses %s with "
        "%d: the bits of an uninterrupted run are not to be expected",
        backend, threads, checkpoint->backend, checkpoint->threads);
    return od_events_log(checkpoint->rundir, OD_LOG_WARNING, message, error);
}

// Model first: when the optimizer's state does not fit, the caller has the start weights to put
// back.
static od_status apply(const od_checkpoint *checkpoint, const char *name, od_trainer *trainer,
                       od_meter *meter, int64_t *step, od_error *error) {
    saved_run saved = {0};
    od_status status = read_saved(checkpoint, name, &saved, error);
    if (status == OD_OK) {
        status = od_trainer_load_model(trainer, saved.files[MODEL].tensors,
                                       saved.files[MODEL].count, error);
    }
    if (status == OD_OK) {
        status = od_trainer_load_optimizer(trainer, saved.files[OPTIMIZER].tensors,
                                           saved.files[OPTIMIZER].count, saved.step, error);
    }
    if (status == OD_OK) {
        *meter = saved.meter;
        *step = saved.step;
        status = warn_of_other_machine(checkpoint, &saved, error);
    }
    saved_fini(&saved);
    return status;
}

// A checkpoint that cannot be read is kept for people, under a name that no worker looks at.
static od_status set_aside(const od_checkpoint *checkpoint, const char *name, const od_error *why,
                           od_error *error) {
    char message[OD_ERROR_TEXT_BYTES + 256];
    char from[OD_RUNDIR_PATH_BYTES], to[OD_RUNDIR_PATH_BYTES];
    char broken[OD_CHECKPOINT_NAME_BYTES + sizeof BROKEN];
    snprintf(broken, sizeof broken, "%s%s", name, BROKEN);
    OD_TRY(remove_checkpoint(checkpoint, broken, error));
    OD_TRY(path_of(checkpoint, name, "", from, error));
    OD_TRY(path_of(checkpoint, broken, "", to, error));
    if (rename(from, to) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot rename to %s", from, to);
    }
    snprintf(message, sizeof message,
             "checkpoint %s is broken (%s); renamed to %s, going on from the one before", name,
             why->text, broken);
    return od_events_log(checkpoint->rundir, OD_LOG_WARNING, message, error);
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
        name_of(steps[i], name);
        od_status status = apply(checkpoint, name, trainer, meter, step, &why);
        if (status == OD_OK) {
            return OD_OK;
        }
        if (!is_broken(status)) {
            return od_error_set(error, status, "checkpoint %s: %s", name, why.text);
        }
        OD_TRY(set_aside(checkpoint, name, &why, error));
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
    OD_TRY(path_of(checkpoint, "", "", folder, error));
    OD_TRY(od_file_make_folders(folder, error));
    OD_TRY(remove_checkpoint(checkpoint, TEMPORARY, error));
    OD_TRY(list_steps(checkpoint, &steps, &count, error));
    od_status status =
        count > 0 ? load_some(checkpoint, steps, count, trainer, meter, step, error) : OD_OK;
    free(steps);
    return status;
}
