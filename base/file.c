// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static od_status read_fd(int fd, const char *path, size_t max_bytes, od_buffer *out,
                         od_error *error) {
    size_t total = 0;
    for (;;) {
        if (od_buffer_reserve(out, 65536) != OD_OK) {
            return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory to read it", path);
        }
        ssize_t got = read(fd, out->data + out->size, 65536);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return od_error_set_errno(error, errno, "%s: cannot read", path);
        }
        if (got == 0) {
            return OD_OK;
        }
        out->size += (size_t)got;
        out->data[out->size] = '\0';
        total += (size_t)got;
        if (total > max_bytes) {
            return od_error_set(error, OD_E_TOO_LARGE, "%s is larger than %zu bytes", path,
                                max_bytes);
        }
    }
}

od_status od_file_read(const char *path, size_t max_bytes, od_buffer *out, od_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", path);
    }
    struct stat info;
    od_status status = OD_OK;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size > max_bytes) {
        status = od_error_set(error, OD_E_TOO_LARGE, "%s has %lld bytes; the limit is %zu", path,
                              (long long)info.st_size, max_bytes);
    } else {
        status = read_fd(fd, path, max_bytes, out, error);
    }
    close(fd);
    return status;
}

od_status od_file_write_all(int fd, const void *bytes, size_t size, od_error *error) {
    const char *next = bytes;
    while (size > 0) {
        ssize_t wrote = write(fd, next, size);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return od_error_set_errno(error, errno, "cannot write");
        }
        next += wrote;
        size -= (size_t)wrote;
    }
    return OD_OK;
}

od_status od_file_sync_folder(const char *folder, od_error *error) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot open", folder);
    }
    // EINVAL: a file system that cannot sync folders; nothing more can be done there.
    int failed = fsync(fd) != 0 && errno != EINVAL ? errno : 0;
    close(fd);
    return failed != 0 ? od_error_set_errno(error, failed, "%s: cannot sync", folder) : OD_OK;
}

static od_status write_and_sync(int fd, const char *path, const void *bytes, size_t size,
                                od_error *error) {
    od_status status = od_file_write_all(fd, bytes, size, error);
    if (status == OD_OK && fsync(fd) != 0) {
        return od_error_set_errno(error, errno, "%s: cannot sync", path);
    }
    return status == OD_OK ? OD_OK : od_error_prefix(error, "%s", path);
}

od_status od_file_publish(const char *path, const void *bytes, size_t size, od_error *error) {
    char temporary[PATH_MAX];
    char folder[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %s", path);
    }
    snprintf(folder, sizeof folder, "%s", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "%s: cannot create", temporary);
    }
    od_status status = write_and_sync(fd, temporary, bytes, size, error);
    close(fd);
    if (status != OD_OK) {
        goto err_temporary;
    }
    if (rename(temporary, path) != 0) {
        status = od_error_set_errno(error, errno, "%s: cannot rename to %s", temporary, path);
        goto err_temporary;
    }
    return od_file_sync_folder(dirname(folder), error);

err_temporary:
    unlink(temporary);
    return status;
}

od_status od_file_make_folders(const char *path, od_error *error) {
    char partial[PATH_MAX];
    if (snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %s", path);
    }
    for (char *slash = partial + 1;; slash++) {
        if (*slash != '/' && *slash != '\0') {
            continue;
        }
        char end = *slash;
        *slash = '\0';
        if (mkdir(partial, 0755) != 0 && errno != EEXIST) {
            return od_error_set_errno(error, errno, "%s: cannot create the folder", partial);
        }
        if (end == '\0') {
            break;
        }
        *slash = end;
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return od_error_set(error, OD_E_IO, "%s exists and is not a folder", path);
    }
    return OD_OK;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

od_status od_file_remove_tree(const char *path, od_error *error) {
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return od_error_set_errno(error, errno, "%s: cannot delete", path);
    }
    return OD_OK;
}

// --- folders ------------------------------------------------------------------------------

static od_status old_name(const char *path, char out[PATH_MAX], od_error *error) {
    if (snprintf(out, PATH_MAX, "%s.old", path) >= PATH_MAX) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %s", path);
    }
    return OD_OK;
}

static od_status rename_to(const char *from, const char *to, od_error *error) {
    return rename(from, to) == 0
               ? OD_OK
               : od_error_set_errno(error, errno, "%s: cannot rename to %s", from, to);
}

static od_status sync_parent(const char *path, od_error *error) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    return od_file_sync_folder(dirname(folder), error);
}

// After this the old folder is called old. Two renames where names cannot be exchanged (NFS).
static od_status swap(const char *fresh, const char *path, const char *old, od_error *error) {
    OD_TRY(od_file_remove_tree(old, error));
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        return rename_to(fresh, old, error);
    }
    OD_TRY(rename_to(path, old, error));
    return rename_to(fresh, path, error);
}

od_status od_file_replace_folder(const char *fresh, const char *path, od_error *error) {
    char old[PATH_MAX];
    OD_TRY(old_name(path, old, error));
    if (access(path, F_OK) != 0) {
        OD_TRY(rename_to(fresh, path, error));
        return sync_parent(path, error);
    }
    OD_TRY(swap(fresh, path, old, error));
    OD_TRY(sync_parent(path, error));
    return od_file_remove_tree(old, error);
}

od_status od_file_restore_folder(const char *path, od_error *error) {
    char old[PATH_MAX];
    OD_TRY(old_name(path, old, error));
    if (access(path, F_OK) == 0 || access(old, F_OK) != 0) {
        return od_file_remove_tree(old, error);
    }
    return rename_to(old, path, error);
}
