// SPDX-License-Identifier: Apache-2.0
#include "worker/rundir.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT_VERSION = 1, MAX_SPEC_BYTES = 1 << 20, TAIL_BYTES = 1 << 17 };

static od_status join(const char *folder, const char *leaf, char out[OD_RUNDIR_PATH_BYTES],
                      od_error *error) {
    if (snprintf(out, OD_RUNDIR_PATH_BYTES, "%s/%s", folder, leaf) >= OD_RUNDIR_PATH_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %.64s.../%s", folder, leaf);
    }
    return OD_OK;
}

od_status od_rundir_path(const od_rundir *rundir, const char *leaf, char out[OD_RUNDIR_PATH_BYTES],
                         od_error *error) {
    return join(rundir->path, leaf, out, error);
}

bool od_rundir_exists(const char *path) {
    char spec[OD_RUNDIR_PATH_BYTES];
    return join(path, "spec.json", spec, NULL) == OD_OK && access(spec, F_OK) == 0;
}

bool od_rundir_has_checkpoint(const char *path) {
    char folder[OD_RUNDIR_PATH_BYTES];
    DIR *entries = join(path, "checkpoints", folder, NULL) == OD_OK ? opendir(folder) : NULL;
    bool found = false;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        found = found || strncmp(entry->d_name, "step-", 5) == 0;
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return found;
}

// --- lock ---------------------------------------------------------------------------------

// An inherited descriptor must be of this very file: a lock on another one would protect nothing.
static od_status check_inherited(int fd, const char *path, od_error *error) {
    struct stat inherited, named;
    if (fstat(fd, &inherited) != 0) {
        return od_error_set_errno(error, errno, "--lock-fd %d", fd);
    }
    if (stat(path, &named) != 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    if (inherited.st_dev != named.st_dev || inherited.st_ino != named.st_ino) {
        return od_error_set(error, OD_E_INVALID, "--lock-fd %d is not %s", fd, path);
    }
    return OD_OK;
}

static od_status take_lock(od_rundir *rundir, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(join(rundir->path, "lock", path, error));
    if (rundir->lock_fd >= 0) {
        OD_TRY(check_inherited(rundir->lock_fd, path, error));
        fcntl(rundir->lock_fd, F_SETFD, FD_CLOEXEC);
    } else {
        rundir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (rundir->lock_fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", path);
    }
    // On an inherited descriptor this finds its own lock and succeeds.
    if (flock(rundir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? od_error_set(error, OD_E_BUSY,
                                  "%s is held: another worker trains in this folder", path)
                   : od_error_set_errno(error, errno, "%s: cannot lock", path);
    }
    return OD_OK;
}

// --- events -------------------------------------------------------------------------------

// The last bytes of events.ndjson, from the beginning of a line on unless a line is longer.
static od_status read_tail(int fd, od_buffer *out, od_error *error) {
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    if (size < 0 || od_buffer_reserve(out, (size_t)(size - from)) != OD_OK) {
        return od_error_set(error, OD_E_IO, "events.ndjson: cannot read its end");
    }
    ssize_t got = pread(fd, out->data, (size_t)(size - from), from);
    if (got < 0) {
        return od_error_set_errno(error, errno, "events.ndjson: cannot read");
    }
    out->size = (size_t)got;
    return OD_OK;
}

// The largest attempt among the lines of tail; 0 without any.
static long last_attempt(const od_buffer *tail) {
    long last = 0;
    const char *line = tail->data;
    const char *end = tail->data + tail->size;
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((newline != NULL ? newline : end) - line);
        cJSON *event = NULL;
        if (od_json_parse(line, length, &event, NULL) == OD_OK) {
            const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(event, "attempt");
            if (cJSON_IsNumber(attempt) && attempt->valueint > last) {
                last = attempt->valueint;
            }
            cJSON_Delete(event);
        }
        line += length + 1;
    }
    return last;
}

static od_status open_events(od_rundir *rundir, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    od_buffer tail = {0};
    OD_TRY(join(rundir->path, "events.ndjson", path, error));
    rundir->events_fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (rundir->events_fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", path);
    }
    od_status status = read_tail(rundir->events_fd, &tail, error);
    if (status == OD_OK && tail.size > 0 && tail.data[tail.size - 1] != '\n') {
        status = od_file_write_all(rundir->events_fd, "\n", 1, error);
    }
    if (status == OD_OK && rundir->attempt == 0) {
        rundir->attempt = 1 + last_attempt(&tail);
    }
    od_buffer_fini(&tail);
    return status;
}

od_status od_rundir_append(const od_rundir *rundir, cJSON *event, od_error *error) {
    char now[OD_CLOCK_TEXT_BYTES];
    cJSON_AddNumberToObject(event, "v", FORMAT_VERSION);
    cJSON_AddNumberToObject(event, "attempt", (double)rundir->attempt);
    cJSON_AddStringToObject(event, "at", od_clock_text(now, od_clock_wall_ms()));
    char *text = event != NULL ? od_json_print(event) : NULL;
    cJSON_Delete(event);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for an event");
    }
    size_t length = strlen(text);
    text[length] = '\n'; // in the place of the NUL: the line is written at once
    off_t before = lseek(rundir->events_fd, 0, SEEK_END);
    ssize_t wrote = write(rundir->events_fd, text, length + 1);
    int failed = wrote < 0 ? errno : ENOSPC; // a part of a line: the disk is full
    free(text);
    if (wrote != (ssize_t)(length + 1)) {
        // No reader has taken a line without its end, so it can be taken back.
        if (wrote > 0 && before >= 0 && ftruncate(rundir->events_fd, before) != 0) {
            failed = errno;
        }
        return od_error_set_errno(error, failed, "%s/events.ndjson: cannot write", rundir->path);
    }
    return OD_OK;
}

od_status od_rundir_sync(const od_rundir *rundir, od_error *error) {
    return fdatasync(rundir->events_fd) == 0
               ? OD_OK
               : od_error_set_errno(error, errno, "%s/events.ndjson: cannot sync", rundir->path);
}

// --- spec ---------------------------------------------------------------------------------

static od_status compare_spec(const char *path, const cJSON *spec, od_error *error) {
    od_buffer text = {0};
    cJSON *there = NULL;
    od_status status = od_file_read(path, MAX_SPEC_BYTES, &text, error);
    if (status == OD_OK && od_json_parse(text.data, text.size, &there, error) != OD_OK) {
        status = od_error_prefix(error, "%s", path);
    }
    if (status == OD_OK && !od_json_equal(there, spec)) {
        status = od_error_set(error, OD_E_CONFLICT,
                              "%s is another spec; give this one a folder of its own", path);
    }
    cJSON_Delete(there);
    od_buffer_fini(&text);
    return status;
}

od_status od_rundir_keep_spec(const od_rundir *rundir, const cJSON *spec, od_error *error) {
    char path[OD_RUNDIR_PATH_BYTES];
    OD_TRY(join(rundir->path, "spec.json", path, error));
    if (access(path, F_OK) == 0) {
        return compare_spec(path, spec, error);
    }
    char *text = od_json_print(spec);
    if (text == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory to write it", path);
    }
    size_t length = strlen(text);
    text[length] = '\n';
    od_status status = od_file_publish(path, text, length + 1, error);
    free(text);
    return status;
}

// --- the whole ----------------------------------------------------------------------------

static od_status open_all(od_rundir *rundir, od_error *error) {
    OD_TRY(od_file_make_folders(rundir->path, error));
    OD_TRY(take_lock(rundir, error));
    return open_events(rundir, error);
}

od_status od_rundir_open(od_rundir *out, const char *path, int lock_fd, long attempt,
                         od_error *error) {
    *out = (od_rundir){.lock_fd = lock_fd, .events_fd = -1, .attempt = attempt};
    od_status status = OD_OK;
    if (snprintf(out->path, sizeof out->path, "%s", path) >= (int)sizeof out->path) {
        status = od_error_set(error, OD_E_TOO_LARGE, "--dir is too long: %.64s...", path);
    }
    if (status == OD_OK) {
        status = open_all(out, error);
    }
    if (status != OD_OK) {
        od_rundir_close(out);
    }
    return status;
}

void od_rundir_close(od_rundir *rundir) {
    if (rundir->events_fd >= 0) {
        close(rundir->events_fd);
    }
    if (rundir->lock_fd >= 0) {
        close(rundir->lock_fd); // gives the lock back
    }
    rundir->events_fd = rundir->lock_fd = -1;
}
