// SPDX-License-Identifier: Apache-2.0
// steps[i] brings a database of version i to version i + 1. A step that was released is never
// changed again: a change of the tables is a new step, and a fixture of the version before it in
// tests/unit/daemon/fixtures. PRAGMA user_version is the version, PRAGMA application_id says that
// the file is orthod's.
#include "daemon/store/migrations.h"

#include "daemon/store/sql.h"

#include <inttypes.h>
#include <stdio.h>

enum { APPLICATION_ID = 0x4f727468 }; // "Orth"

static const char *const steps[OD_MIGRATIONS_VERSION] = {
    "CREATE TABLE experiments ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, base TEXT NOT NULL,"
    " vary TEXT NOT NULL, created_at_ms INTEGER NOT NULL) STRICT;"

    "CREATE TABLE jobs ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, experiment INTEGER REFERENCES experiments(id),"
    " variant TEXT, name TEXT NOT NULL, notes TEXT NOT NULL, labels TEXT NOT NULL,"
    " spec TEXT NOT NULL, plan TEXT NOT NULL, connection TEXT NOT NULL, model TEXT NOT NULL,"
    " state INTEGER NOT NULL, reason TEXT, priority INTEGER NOT NULL, threads INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0,"
    " retries INTEGER NOT NULL, step INTEGER NOT NULL DEFAULT 0, steps INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL DEFAULT 0, eta_s REAL, samples_per_sec REAL,"
    " created_at_ms INTEGER NOT NULL, queued_at_ms INTEGER NOT NULL, started_at_ms INTEGER,"
    " ended_at_ms INTEGER, tail_offset INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX jobs_experiment ON jobs(experiment) WHERE experiment IS NOT NULL;"
    "CREATE INDEX jobs_state ON jobs(state);"

    // from_step, pid, boot_id: NULL until the attempt's `start` line; outcome and reason: NULL until
    // its `end` line, and for ever when it had none.
    "CREATE TABLE attempts ("
    " job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, attempt INTEGER NOT NULL,"
    " from_step INTEGER, pid INTEGER, boot_id TEXT, started_at_ms INTEGER NOT NULL,"
    " ended_at_ms INTEGER, outcome TEXT, reason TEXT, PRIMARY KEY (job, attempt)) STRICT, WITHOUT "
    "ROWID;"

    // A NULL in last is a NaN; in min and max it says that there is no number yet.
    "CREATE TABLE series ("
    " id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL, last REAL, last_step INTEGER NOT NULL DEFAULT 0, min REAL,"
    " min_step INTEGER NOT NULL DEFAULT 0, max REAL, max_step INTEGER NOT NULL DEFAULT 0,"
    " count INTEGER NOT NULL DEFAULT 0, UNIQUE (job, name)) STRICT;"

    "CREATE TABLE points ("
    " series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE, attempt INTEGER NOT NULL,"
    " step INTEGER NOT NULL, value REAL, PRIMARY KEY (series, attempt, step))"
    " STRICT, WITHOUT ROWID;"

    "CREATE TABLE events ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, job INTEGER NOT NULL, kind TEXT NOT NULL,"
    " data TEXT NOT NULL, final INTEGER NOT NULL) STRICT;"
    "CREATE INDEX events_job ON events(job, id);"

    "CREATE TABLE idempotency ("
    " key TEXT PRIMARY KEY, digest TEXT NOT NULL, response INTEGER NOT NULL,"
    " created_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX idempotency_created ON idempotency(created_at_ms);"

    // Jobs whose rows are gone and whose files are still to be removed.
    "CREATE TABLE removals (job INTEGER PRIMARY KEY) STRICT;",

    // The whole answer, NULL in older rows, where response is all there is.
    "ALTER TABLE idempotency ADD COLUMN body TEXT;",

    // Roll-ups of points (blocks.h). Points that are there stay as they are, and are read one by one
    // until their series goes on.
    "CREATE TABLE blocks ("
    " series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE, attempt INTEGER NOT NULL,"
    " first_step INTEGER NOT NULL, count INTEGER NOT NULL, min_step INTEGER NOT NULL, min REAL,"
    " max_step INTEGER NOT NULL, max REAL, last_step INTEGER NOT NULL, last REAL,"
    " PRIMARY KEY (series, attempt, first_step)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE series ADD COLUMN loose INTEGER NOT NULL DEFAULT 0;",

    // What scheduling has to know. age 0: the id. likeness: equal for runs that should take equally
    // long for a step, 0 in older rows, which are like nothing. ran_ms: in attempts that have ended,
    // since the job was made or asked for another try.
    "ALTER TABLE jobs ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN age INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN likeness INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN reason_code TEXT;"
    "ALTER TABLE jobs ADD COLUMN not_before_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN ran_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE jobs SET memory_bytes = coalesce(json_extract(plan, '$.memory_bytes'), 0);"
    "CREATE INDEX jobs_likeness ON jobs(likeness);"
    // devices: ids with commas between. end_code, end_reason: how it ended, as the queue judged it.
    "ALTER TABLE attempts ADD COLUMN devices TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE attempts ADD COLUMN end_code TEXT;"
    "ALTER TABLE attempts ADD COLUMN end_reason TEXT;"
    // Devices that take no new runs; '' is the whole server.
    "CREATE TABLE drained (device TEXT PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT, WITHOUT "
    "ROWID;",

    "ALTER TABLE jobs ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;"
    // Thousands of jobs may be alike, of which the newest few that have ended are asked for.
    "DROP INDEX jobs_likeness;"
    "CREATE INDEX jobs_likeness ON jobs(likeness, state);",
};

static od_status run_step(sqlite3 *db, int64_t version, od_error *error) {
    char stamp[128];
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64,
             APPLICATION_ID, version + 1);
    OD_TRY(od_sql_script(db, "BEGIN IMMEDIATE", error));
    od_status status = od_sql_script(db, steps[version], error);
    if (status == OD_OK) {
        status = od_sql_script(db, stamp, error);
    }
    if (status == OD_OK) {
        status = od_sql_script(db, "COMMIT", error);
    }
    if (status != OD_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return od_error_prefix(error, "upgrade from version %" PRId64, version);
    }
    return OD_OK;
}

// A database without our mark is ours to fill only when it is empty.
static od_status check_owner(sqlite3 *db, od_error *error) {
    int64_t application = 0;
    int64_t tables = 0;
    OD_TRY(od_sql_int(db, "PRAGMA application_id", OD_SQL_NONE, &application, error));
    OD_TRY(od_sql_int(db, "SELECT count(*) FROM sqlite_schema", OD_SQL_NONE, &tables, error));
    if (application != APPLICATION_ID && (application != 0 || tables != 0)) {
        return od_error_set(error, OD_E_CORRUPT, "is not a database of orthod's");
    }
    return OD_OK;
}

od_status od_migrations_look(sqlite3 *db, int64_t *version, od_error *error) {
    OD_TRY(check_owner(db, error));
    OD_TRY(od_sql_int(db, "PRAGMA user_version", OD_SQL_NONE, version, error));
    if (*version > OD_MIGRATIONS_VERSION || *version < 0) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "was written by a newer orthod (version %" PRId64
                            " of its tables; this one knows %d): install that one or a newer one",
                            *version, OD_MIGRATIONS_VERSION);
    }
    return OD_OK;
}

od_status od_migrations_run(sqlite3 *db, od_error *error) {
    int64_t version = 0;
    OD_TRY(od_migrations_look(db, &version, error));
    for (; version < OD_MIGRATIONS_VERSION; version++) {
        OD_TRY(run_step(db, version, error));
    }
    return OD_OK;
}
