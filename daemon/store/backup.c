// SPDX-License-Identifier: Apache-2.0
// VACUUM INTO reads in one transaction, so that a daemon goes on writing meanwhile, and leaves
// pages that nobody uses behind. It does not sync what it has written.
#include "daemon/store/backup.h"

#include "base/file.h"
#include "daemon/store/migrations.h"
#include "daemon/store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_TIMEOUT_MS = 5000 };

static od_status sync_file(const char *path, od_error *error) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        od_status status = od_error_set_errno(error, errno, "cannot be synced");
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    close(fd);
    return OD_OK;
}

// temporary is an empty file, or none.
static od_status fill(sqlite3 *db, const char *temporary, const char *path, od_error *error) {
    char folder[PATH_MAX];
    OD_TRY(od_sql_run(db, "VACUUM INTO ?1", OD_SQL(od_sql_t(temporary)), error));
    OD_TRY(sync_file(temporary, error));
    if (rename(temporary, path) != 0) {
        return od_error_set_errno(error, errno, "cannot be renamed");
    }
    snprintf(folder, sizeof folder, "%s", path);
    return od_file_sync_folder(dirname(folder), error);
}

static od_status fill_or_remove(sqlite3 *db, const char *temporary, const char *path,
                                od_error *error) {
    od_status status = fill(db, temporary, path, error);
    if (status != OD_OK) {
        unlink(temporary);
        return od_error_prefix(error, "backup %s", path);
    }
    return OD_OK;
}

static od_status too_long(const char *path, od_error *error) {
    return od_error_set(error, OD_E_TOO_LARGE, "backup %s: the path is too long", path);
}

od_status od_backup_replace(sqlite3 *db, const char *path, od_error *error) {
    char temporary[PATH_MAX];
    char journal[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary ||
        snprintf(journal, sizeof journal, "%s-journal", temporary) >= (int)sizeof journal) {
        return too_long(path, error);
    }
    unlink(journal); // both are of one that was killed
    unlink(temporary);
    return fill_or_remove(db, temporary, path, error);
}

static od_status write_new(sqlite3 *db, const char *path, od_error *error) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) {
        return too_long(path, error);
    }
    int fd = mkstemp(temporary);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "backup %s: cannot be made", path);
    }
    close(fd);
    return fill_or_remove(db, temporary, path, error);
}

static od_status open_for_reading(const char *database, sqlite3 **db, od_error *error) {
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    int64_t version = 0;
    if (access(database, F_OK) != 0) {
        return od_error_set_errno(error, errno, "cannot be read");
    }
    if (sqlite3_open_v2(database, db, flags, NULL) != SQLITE_OK) {
        return od_sql_error(*db, error);
    }
    sqlite3_busy_timeout(*db, BUSY_TIMEOUT_MS);
    return od_migrations_look(*db, &version, error);
}

od_status od_backup_file(const char *database, const char *path, od_error *error) {
    sqlite3 *db = NULL;
    if (access(path, F_OK) == 0) {
        return od_error_set(error, OD_E_EXISTS, "backup %s: is there already; give another name",
                            path);
    }
    od_status status = open_for_reading(database, &db, error);
    if (status != OD_OK) {
        od_error_prefix(error, "database %s", database);
    } else {
        status = write_new(db, path, error);
    }
    od_sql_close(db);
    return status;
}
