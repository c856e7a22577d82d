// SPDX-License-Identifier: Apache-2.0
// Copies of the database, taken while others read and write it.
#ifndef OD_DAEMON_STORE_BACKUP_H
#define OD_DAEMON_STORE_BACKUP_H

#include "base/error.h"

#include <sqlite3.h>

// Writes all of db, as it is at one moment, to path: one whole database without a WAL. A file of
// this name is replaced. It appears at once and durably, or not at all: path.tmp is written, synced
// and renamed; one that was left there is removed, so nobody else may be making the same copy. db
// may be open for reading only; it must not be in a transaction.
od_status od_backup_replace(sqlite3 *db, const char *path, od_error *error) OD_MUST_CHECK;

// The same with the database file at database, and a name of its own for the file that is renamed.
// OD_E_NOT_FOUND: there is none. OD_E_EXISTS: there is a file of the name path already, which
// stays. OD_E_CORRUPT: it is no database of orthod's.
od_status od_backup_file(const char *database, const char *path, od_error *error) OD_MUST_CHECK;

#endif
