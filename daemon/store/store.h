// SPDX-License-Identifier: Apache-2.0
// The database, STATE_DIR/orthod.db (SQLite, WAL), without ever blocking the loop: one writer
// thread commits in groups, reads run on the libuv thread pool. Everything here is called on the
// loop's thread; only work functions run elsewhere.
//
// Work functions get the database and their ctx and may touch nothing that the loop owns. They
// use the od_jobs_*, od_points_*, … functions of the other headers of this folder.
#ifndef OD_DAEMON_STORE_STORE_H
#define OD_DAEMON_STORE_STORE_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>
#include <uv.h>

typedef struct od_store od_store;

typedef od_status (*od_store_work)(sqlite3 *db, void *ctx, od_error *error);
// status is the work's, or that of the commit. error->text says more; valid during the call.
typedef void (*od_store_done)(void *ctx, od_status status, const od_error *error);

// Opens or creates the database at path and brings its schema up to date; one of an older version N
// is copied to path.vN.bak first, and without the copy nothing is changed. OD_E_UNSUPPORTED: it was
// written by a newer version. OD_E_CORRUPT: no database of orthod's. It is never replaced.
od_status od_store_open(uv_loop_t *loop, const char *path, od_store **out,
                        od_error *error) OD_MUST_CHECK;

// Finishes all writes and reads that were asked for, their done functions included (the loop runs
// while it waits), then closes and frees. NULL is fine. Asking for more while closing gets
// OD_E_BUSY in done.
void od_store_close(od_store *store);

// work runs on the writer thread inside the group's transaction, in a savepoint of its own: when
// it fails, what it wrote is undone and the others of the group are not. After the commit (and
// fsync) done runs on the loop, in the order of the calls. Without memory, done runs at once with
// OD_E_NO_MEMORY. done may be NULL.
void od_store_write(od_store *store, od_store_work work, od_store_done done, void *ctx);

// Grows with every group of writes that has been committed, before their done functions run: what a
// read found stays true as long as this stays what it was when the read was asked for.
uint64_t od_store_generation(const od_store *store);

// work runs on a pool thread inside one read transaction: all it reads is of one moment.
void od_store_read(od_store *store, od_store_work work, od_store_done done, void *ctx);

#endif
