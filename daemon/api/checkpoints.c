// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a run: checkpoints/NAME/FILE, and "final" for the model of a run that succeeded,
// which lies in the run directory itself. The step of "best" stands in its state.json.
#include "base/json.h"
#include "daemon/api/files.h"
#include "daemon/api/handlers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char final_name[] = "final";
static const char final_file[] = "model.safetensors";
static const char best_name[] = "best";
static const char step_prefix[] = "step-";

enum { MAX_STATE_BYTES = 65536 };

typedef struct list_call {
    od_api_call base;
    int64_t job;
} list_call;

// --- the list ---------------------------------------------------------------------------------

static bool add_file(cJSON *files, int folder, const char *name) {
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
        return true;
    }
    cJSON *file = cJSON_CreateObject();
    bool whole = cJSON_AddStringToObject(file, "name", name) != NULL &&
                 cJSON_AddNumberToObject(file, "bytes", (double)info.st_size) != NULL;
    if (!whole) {
        cJSON_Delete(file);
        return false;
    }
    return od_api_append(files, file);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int is_checkpoint(const struct dirent *entry) {
    const char *digits = entry->d_name + sizeof step_prefix - 1;
    return strcmp(entry->d_name, best_name) == 0 ||
           (strncmp(entry->d_name, step_prefix, sizeof step_prefix - 1) == 0 && digits[0] != '\0' &&
            digits[strspn(digits, "0123456789")] == '\0');
}

// What state.json in folder says, or 0.
static double best_step(int folder) {
    char text[MAX_STATE_BYTES];
    cJSON *state = NULL;
    int fd = openat(folder, "state.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (got < 0 || od_json_parse(text, (size_t)got, &state, NULL) != OD_OK) {
        return 0;
    }
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(state, "step");
    double value = cJSON_IsNumber(step) ? step->valuedouble : 0;
    cJSON_Delete(state);
    return value;
}

static double step_of(int folder, const char *name) {
    return strcmp(name, best_name) == 0 ? best_step(folder)
                                        : strtod(name + sizeof step_prefix - 1, NULL);
}

// Calls visit for the names in a folder that filter lets through, by name.
static bool each_name(int folder, int (*filter)(const struct dirent *),
                      bool (*visit)(cJSON *out, int folder, const char *name), cJSON *out) {
    struct dirent **entries = NULL;
    int count = scandirat(folder, ".", &entries, filter, by_name);
    bool whole = true;
    for (int i = 0; i < count; i++) {
        whole = whole && visit(out, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return whole;
}

static bool add_entry(cJSON *list, const char *name, double step, cJSON *files) {
    cJSON *entry = cJSON_CreateObject();
    bool whole = cJSON_AddStringToObject(entry, "name", name) != NULL &&
                 cJSON_AddNumberToObject(entry, "step", step) != NULL;
    whole = od_api_add(entry, "files", files) && whole;
    if (!whole) {
        cJSON_Delete(entry);
        return false;
    }
    return od_api_append(list, entry);
}

static bool add_checkpoint(cJSON *list, int parent, const char *name) {
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        return true; // removed meanwhile
    }
    cJSON *files = cJSON_CreateArray();
    bool whole = each_name(folder, is_visible, add_file, files);
    double step = step_of(folder, name);
    close(folder);
    if (!whole) {
        cJSON_Delete(files);
        return false;
    }
    return add_entry(list, name, step, files);
}

static bool add_final(cJSON *list, int run, int64_t step) {
    cJSON *files = cJSON_CreateArray();
    if (!add_file(files, run, final_file)) {
        cJSON_Delete(files);
        return false;
    }
    if (cJSON_GetArraySize(files) == 0) {
        cJSON_Delete(files);
        return true;
    }
    return add_entry(list, final_name, (double)step, files);
}

static bool add_all(cJSON *list, const char *root, int64_t step) {
    int run = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run < 0) {
        return true; // a job that has not started
    }
    int folder = openat(run, "checkpoints", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool whole = true;
    if (folder >= 0) {
        whole = each_name(folder, is_checkpoint, add_checkpoint, list);
        close(folder);
    }
    whole = whole && add_final(list, run, step);
    close(run);
    return whole;
}

static od_status read_list(sqlite3 *db, void *ctx, od_error *error) {
    list_call *call = ctx;
    const od_daemon *daemon = od_api_daemon(call->base.request);
    char root[PATH_MAX];
    od_job job = {0};
    OD_TRY(od_jobs_get(db, call->job, &job, error));
    int64_t step = job.step;
    od_job_fini(&job);
    OD_TRY(od_rundir_path(root, daemon->config->state_dir, call->job, "", error));
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "checkpoints");
    bool whole = list != NULL && add_all(list, root, step);
    if (whole) {
        call->base.response = od_response_json(200, body);
    }
    cJSON_Delete(body);
    return whole ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for the checkpoints");
}

void od_api_checkpoints_serve_list(od_request *request) {
    int64_t job = 0;
    if (!od_api_id(request, 3, &job)) {
        return;
    }
    list_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call != NULL) {
        call->job = job;
        od_api_read(&call->base, read_list);
    }
}

// --- one file ---------------------------------------------------------------------------------

void od_api_checkpoints_serve_file(od_request *request) {
    const char *name = od_request_segment(request, 5);
    const char *file = od_request_segment(request, 6);
    od_files_call *call = od_files_call_new(request, "application/octet-stream");
    if (call == NULL) {
        return;
    }
    bool is_final = strcmp(name, final_name) == 0;
    if (is_final && strcmp(file, final_file) != 0) {
        od_api_finish(&call->base, od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                                  "final has %s alone", final_file));
        return;
    }
    if (!is_final && (!od_files_call_add(call, "checkpoints") || !od_files_call_add(call, name))) {
        return;
    }
    if (od_files_call_add(call, file)) {
        od_api_read(&call->base, od_files_read);
    }
}
