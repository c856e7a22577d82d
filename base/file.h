// SPDX-License-Identifier: Apache-2.0
// Files that are whole or absent: read with a limit, published by temp + fsync + rename.
#ifndef OD_BASE_FILE_H
#define OD_BASE_FILE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>

// Appends the whole of path to out. OD_E_TOO_LARGE beyond max_bytes, without reading it.
od_status od_file_read(const char *path, size_t max_bytes, od_buffer *out,
                       od_error *error) OD_MUST_CHECK;

// Writes all size bytes to fd, also when the kernel takes them in parts.
od_status od_file_write_all(int fd, const void *bytes, size_t size, od_error *error) OD_MUST_CHECK;

// path holds either its old contents or all of the new ones, also after a power cut: a temporary
// file beside it is written, fsynced and renamed, then the folder is fsynced.
od_status od_file_publish(const char *path, const void *bytes, size_t size,
                          od_error *error) OD_MUST_CHECK;

// Creates path and the folders above it, mode 0755; fine when it is there already.
od_status od_file_make_folders(const char *path, od_error *error) OD_MUST_CHECK;

// Makes the names in folder durable.
od_status od_file_sync_folder(const char *folder, od_error *error) OD_MUST_CHECK;

// Deletes path and everything below it without following links. Fine when it is not there.
od_status od_file_remove_tree(const char *path, od_error *error) OD_MUST_CHECK;

// Renames the folder fresh to path, on the same file system. One that is there already is replaced
// at once where the file system can exchange names, and else by way of path.old, which
// od_file_restore_folder brings back when the process died in between. Then the names are made
// durable and the old one is deleted.
od_status od_file_replace_folder(const char *fresh, const char *path,
                                 od_error *error) OD_MUST_CHECK;
od_status od_file_restore_folder(const char *path, od_error *error) OD_MUST_CHECK;

#endif
