// SPDX-License-Identifier: Apache-2.0
// The tables, and how a database of an older version becomes one of this version.
#ifndef OD_DAEMON_STORE_MIGRATIONS_H
#define OD_DAEMON_STORE_MIGRATIONS_H

#include "base/error.h"

#include <sqlite3.h>

enum { OD_MIGRATIONS_VERSION = 2 };

// Brings db to OD_MIGRATIONS_VERSION, each step in a transaction of its own. OD_E_UNSUPPORTED: db
// is newer. OD_E_CORRUPT: it holds something else.
od_status od_migrations_run(sqlite3 *db, od_error *error) OD_MUST_CHECK;

#endif
