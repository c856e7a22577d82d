// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/files.h"

#include "daemon/http/range.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool od_files_is_name(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size < 256 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL;
}

static od_status not_there(const char *name, od_error *error) {
    return od_error_set(error, OD_E_NOT_FOUND, "there is no file %s", name);
}

// Opens names one by one, each a real folder or file and no link, so that the way down cannot
// leave root whatever is in there. O_NONBLOCK: a pipe must not hold a thread.
od_status od_files_open(const char *root, const char *const *names, size_t count, int *fd,
                        uint64_t *size, od_error *error) {
    if (count == 0) {
        return not_there("without a name", error);
    }
    const char *last = names[count - 1];
    int at = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < count && at >= 0; i++) {
        int flags = i + 1 < count ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        int next =
            od_files_is_name(names[i]) ? openat(at, names[i], flags | O_NOFOLLOW | O_CLOEXEC) : -1;
        close(at);
        at = next;
    }
    if (at < 0) {
        return not_there(last, error);
    }
    struct stat info;
    if (fstat(at, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(at);
        return not_there(last, error);
    }
    *fd = at;
    *size = (uint64_t)info.st_size;
    return OD_OK;
}

static void copy_header(const od_request *request, const char *name,
                        char out[OD_FILES_HEADER_BYTES]) {
    const char *value = od_request_header(request, name);
    size_t size = value != NULL ? strlen(value) + 1 : 0;
    if (size > 0 && size <= OD_FILES_HEADER_BYTES) {
        memcpy(out, value, size);
    }
}

od_files_call *od_files_call_new(od_request *request, const char *content_type) {
    int64_t job = 0;
    if (!od_api_id(request, 3, &job)) {
        return NULL;
    }
    od_files_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call == NULL) {
        return NULL;
    }
    call->job = job;
    call->content_type = content_type;
    copy_header(request, "Range", call->range);
    copy_header(request, "If-Range", call->if_range);
    copy_header(request, "If-None-Match", call->if_none_match);
    return call;
}

bool od_files_call_add(od_files_call *call, const char *name) {
    if (!od_files_is_name(name) || call->count == OD_FILES_NAMES) {
        od_api_finish(&call->base, od_problem_new(call->base.request, OD_PROBLEM_NOT_FOUND, NULL,
                                                  "\"%s\" is no name of a file", name));
        return false;
    }
    memcpy(call->names[call->count++], name, strlen(name) + 1);
    return true;
}

// Changes whenever the contents do.
static void make_etag(char out[OD_FILES_HEADER_BYTES], int fd) {
    struct stat info = {0};
    fstat(fd, &info);
    snprintf(out, OD_FILES_HEADER_BYTES, "\"%jx-%jx-%lx\"", (uintmax_t)info.st_size,
             (uintmax_t)info.st_mtim.tv_sec, (unsigned long)info.st_mtim.tv_nsec);
}

static od_response *part_response(const od_files_call *call, int fd, uint64_t size) {
    od_range range;
    switch (od_range_parse(call->range, size, &range)) {
    case OD_RANGE_PART:
        return od_response_header_printf(
            od_response_file(206, call->content_type, fd, range.first, range.size), "Content-Range",
            "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first, range.first + range.size - 1,
            size);
    case OD_RANGE_UNSATISFIABLE:
        close(fd);
        return od_response_header_printf(
            od_problem_new(call->base.request, OD_PROBLEM_RANGE_NOT_SATISFIABLE, NULL,
                           "the file has %" PRIu64 " bytes; asked for was %s", size, call->range),
            "Content-Range", "bytes */%" PRIu64, size);
    case OD_RANGE_WHOLE:
        break;
    }
    return od_response_file(200, call->content_type, fd, 0, size);
}

// Takes fd.
static od_response *respond(od_files_call *call, int fd, uint64_t size) {
    char etag[OD_FILES_HEADER_BYTES];
    make_etag(etag, fd);
    if (call->if_range[0] != '\0' && strcmp(call->if_range, etag) != 0) {
        call->range[0] = '\0'; // another file than the client has a part of
    }
    od_response *response = NULL;
    if (call->if_none_match[0] != '\0' && strstr(call->if_none_match, etag) != NULL) {
        close(fd);
        response = od_response_empty(304);
    } else {
        response = part_response(call, fd, size);
    }
    response = od_response_header(response, "Accept-Ranges", "bytes");
    return od_response_header(response, "ETag", etag);
}

od_status od_files_read(sqlite3 *db, void *ctx, od_error *error) {
    od_files_call *call = ctx;
    const od_daemon *daemon = od_api_daemon(call->base.request);
    const char *names[OD_FILES_NAMES];
    char root[PATH_MAX];
    od_job job = {0};
    int fd = -1;
    uint64_t size = 0;
    OD_TRY(od_jobs_get(db, call->job, &job, error));
    od_job_fini(&job);
    OD_TRY(od_rundir_path(root, daemon->config->state_dir, call->job, "", error));
    for (size_t i = 0; i < call->count; i++) {
        names[i] = call->names[i];
    }
    OD_TRY(od_files_open(root, names, call->count, &fd, &size, error));
    call->base.response = respond(call, fd, size);
    return OD_OK;
}
