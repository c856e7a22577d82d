// SPDX-License-Identifier: Apache-2.0
// Walks the regular files of a tar archive without extracting anything: POSIX ustar, pax (path and
// size records) and GNU's long names. Folders, links and devices are passed over.
//
// An archive comes from somewhere else: every header's checksum is checked, names and extension
// records have limits, no member reaches beyond the file, and an archive must end with its block of
// zeros, so that one that is cut off is found wherever the cut is. Names are handed on as they are
// and never used to open anything.
#ifndef OD_CORE_DATA_TAR_H
#define OD_CORE_DATA_TAR_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { OD_TAR_NAME_BYTES = 4096, OD_TAR_WINDOW_BYTES = 8192 };

typedef struct od_tar {
    const char *path; // borrowed
    int fd;
    int64_t size, position; // of the file; of the next header
    char name[OD_TAR_NAME_BYTES];
    // what was read last: headers of small members lie close together
    uint8_t window[OD_TAR_WINDOW_BYTES];
    int64_t window_at, window_bytes;
} od_tar;

typedef struct od_tar_member {
    const char *name;      // borrowed until the next call
    int64_t offset, bytes; // in the archive
} od_tar_member;

od_status od_tar_open(od_tar *tar, const char *path, od_error *error) OD_MUST_CHECK;
void od_tar_close(od_tar *tar);

// The next regular file, or *end. OD_E_CORRUPT names archive, offset and fault; OD_E_UNSUPPORTED a
// kind of member that this does not know.
od_status od_tar_next(od_tar *tar, od_tar_member *out, bool *end, od_error *error) OD_MUST_CHECK;

// size bytes at offset of the archive.
od_status od_tar_read(od_tar *tar, int64_t offset, void *out, int64_t size,
                      od_error *error) OD_MUST_CHECK;

#endif
