// SPDX-License-Identifier: Apache-2.0
// The tables, and how a database of an older version becomes one of this version.
#ifndef OD_DAEMON_STORE_MIGRATIONS_H
#define OD_DAEMON_STORE_MIGRATIONS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

enum { OD_MIGRATIONS_VERSION = 5 };

// The version of db's tables; 0: it is empty. OD_E_UNSUPPORTED: it is newer than
// OD_MIGRATIONS_VERSION. OD_E_CORRUPT: it holds something else. Changes nothing.
od_status od_migrations_look(sqlite3 *db, int64_t *version, od_error *error) OD_MUST_CHECK;

// Brings db to OD_MIGRATIONS_VERSION, each step in a transaction of its own. Fails as
// od_migrations_look does, before anything is changed.
od_status od_migrations_run(sqlite3 *db, od_error *error) OD_MUST_CHECK;

#endif
