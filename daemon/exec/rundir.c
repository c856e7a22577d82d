// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/rundir.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPEC_MAX_BYTES = 16 * 1024 * 1024, LOG_TAIL_BYTES = 4096 };

od_status od_rundir_path(char out[PATH_MAX], const char *state_dir, int64_t job, const char *leaf,
                         od_error *error) {
    int length = snprintf(out, PATH_MAX, "%s/runs/%" PRId64 "%s%s", state_dir, job,
                          *leaf == '\0' ? "" : "/", leaf);
    if (length >= PATH_MAX) {
        return od_error_set(error, OD_E_TOO_LARGE,
                            "%s: the path of the state directory is too long", state_dir);
    }
    return OD_OK;
}

// Opens (and creates) a file of the run.
static od_status open_file(const char *state_dir, int64_t job, const char *leaf, int flags, int *fd,
                           od_error *error) {
    char path[PATH_MAX];
    OD_TRY(od_rundir_path(path, state_dir, job, leaf, error));
    *fd = open(path, flags | O_CREAT | O_CLOEXEC, 0644);
    return *fd >= 0 ? OD_OK : od_error_set_errno(error, errno, "%s: cannot open", path);
}

static od_status write_spec(const char *state_dir, int64_t job, const char *spec, od_error *error) {
    char path[PATH_MAX];
    od_buffer present = {0};
    od_error missing;
    OD_TRY(od_rundir_path(path, state_dir, job, "spec.json", error));
    od_status status = od_file_read(path, SPEC_MAX_BYTES, &present, &missing);
    if (status == OD_E_NOT_FOUND) {
        status = od_file_publish(path, spec, strlen(spec), error);
    } else if (status != OD_OK) {
        status = od_error_set(error, status, "%s", missing.text);
    } else if (present.size != strlen(spec) || memcmp(present.data, spec, present.size) != 0) {
        status = od_error_set(error, OD_E_EXISTS,
                              "%s is another job's; move that folder out of the way", path);
    }
    od_buffer_fini(&present);
    return status;
}

static od_status take_lock(const char *state_dir, int64_t job, int *fd, od_error *error) {
    OD_TRY(open_file(state_dir, job, "lock", O_RDWR, fd, error));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        return OD_OK;
    }
    return errno == EWOULDBLOCK ? od_error_set(error, OD_E_BUSY,
                                               "another worker holds the lock of run %" PRId64, job)
                                : od_error_set_errno(error, errno, "cannot lock run %" PRId64, job);
}

od_status od_rundir_prepare(const char *state_dir, int64_t job, const char *spec,
                            od_rundir_files *out, od_error *error) {
    char folder[PATH_MAX];
    int events;
    *out = (od_rundir_files){-1, -1};
    OD_TRY(od_rundir_path(folder, state_dir, job, "", error));
    OD_TRY(od_file_make_folders(folder, error));
    // The lock first: whoever has it may write the rest.
    od_status status = take_lock(state_dir, job, &out->lock, error);
    if (status == OD_OK) {
        status = write_spec(state_dir, job, spec, error);
    }
    if (status == OD_OK) {
        status = open_file(state_dir, job, "worker.log", O_WRONLY | O_APPEND, &out->log, error);
    }
    if (status == OD_OK) { // so that it can be watched from the first line on
        status = open_file(state_dir, job, "events.ndjson", O_WRONLY | O_APPEND, &events, error);
    }
    if (status != OD_OK) {
        od_rundir_files_close(out);
        return status;
    }
    close(events);
    return OD_OK;
}

void od_rundir_files_close(od_rundir_files *files) {
    if (files->lock >= 0) {
        close(files->lock);
    }
    if (files->log >= 0) {
        close(files->log);
    }
    *files = (od_rundir_files){-1, -1};
}

od_status od_rundir_probe(const char *state_dir, int64_t job, bool *alive, od_error *error) {
    char path[PATH_MAX];
    OD_TRY(od_rundir_path(path, state_dir, job, "lock", error));
    *alive = false;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return OD_OK;
    }
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", path);
    }
    *alive = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd); // gives the lock back at once
    return OD_OK;
}

// Cuts text, in place, down to its last line that is not empty.
static const char *last_line(char *text, size_t size) {
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        size--;
    }
    text[size] = '\0';
    const char *newline = strrchr(text, '\n');
    return newline != NULL ? newline + 1 : text;
}

void od_rundir_last_log_line(const char *state_dir, int64_t job, char *out, size_t size) {
    char path[PATH_MAX];
    char text[LOG_TAIL_BYTES + 1];
    out[0] = '\0';
    if (od_rundir_path(path, state_dir, job, "worker.log", NULL) != OD_OK) {
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    off_t start = end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0;
    ssize_t got = pread(fd, text, LOG_TAIL_BYTES, start);
    close(fd);
    if (got > 0) {
        snprintf(out, size, "%s", last_line(text, (size_t)got));
    }
}

int64_t od_rundir_last_event_ms(const char *state_dir, int64_t job) {
    char path[PATH_MAX];
    struct stat info;
    if (od_rundir_path(path, state_dir, job, "events.ndjson", NULL) != OD_OK ||
        stat(path, &info) != 0) {
        return 0;
    }
    return (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
}

od_status od_rundir_remove(const char *state_dir, int64_t job, od_error *error) {
    char path[PATH_MAX];
    OD_TRY(od_rundir_path(path, state_dir, job, "", error));
    return od_file_remove_tree(path, error);
}
