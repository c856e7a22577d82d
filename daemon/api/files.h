// SPDX-License-Identifier: Apache-2.0
// Files of a run directory over HTTP. A name from outside is one path segment, never a path, and
// no link is followed: nothing outside the directory can be reached.
#ifndef OD_API_FILES_H
#define OD_API_FILES_H

#include "base/error.h"
#include "daemon/api/api.h"

#include <stddef.h>

enum { OD_FILES_NAMES = 3, OD_FILES_HEADER_BYTES = 128 };

// A name that stands for itself in a folder: not empty, "." or "..", and without '/'.
bool od_files_is_name(const char *name);

// Opens a regular file beneath the folder at root, going through the folders names[0] ...
// names[count - 2]. *size gets its size. OD_E_NOT_FOUND for a bad name, a link, a folder, and what
// is not there.
od_status od_files_open(const char *root, const char *const *names, size_t count, int *fd,
                        uint64_t *size, od_error *error) OD_MUST_CHECK;

// A request for a file of a job: run it with od_api_read(&call->base, od_files_read).
typedef struct od_files_call {
    od_api_call base;
    int64_t job;
    const char *content_type; // static
    char names[OD_FILES_NAMES][256];
    size_t count;
    char range[OD_FILES_HEADER_BYTES]; // the headers, "" when absent
    char if_range[OD_FILES_HEADER_BYTES];
    char if_none_match[OD_FILES_HEADER_BYTES];
} od_files_call;

// Starts a call for the job of path segment 3. NULL: it has answered.
od_files_call *od_files_call_new(od_request *request, const char *content_type);

// Appends a folder or file to names; false when it is no name, and the call is finished with 404.
bool od_files_call_add(od_files_call *call, const char *name);

od_status od_files_read(sqlite3 *db, void *ctx, od_error *error) OD_MUST_CHECK;

#endif
