// SPDX-License-Identifier: Apache-2.0
// What the daemon makes of a run's events.ndjson: every line has an effect or is skipped, and the
// offset behind the lines is stored. The database is in memory, and rolled back every time.
#include "daemon/queue/ingest.h"
#include "daemon/queue/states.h"
#include "daemon/store/jobs.h"
#include "daemon/store/migrations.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static sqlite3 *db;
static int64_t job_id;

static void open_database(void) {
    od_event_list events = {0};
    const od_job job = {.name = "",
                        .notes = "",
                        .labels = "{}",
                        .spec = "{}",
                        .plan = "{}",
                        .connection = "",
                        .model = ""};
    FUZZ_CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
    FUZZ_CHECK(od_migrations_run(db, NULL) == OD_OK);
    FUZZ_CHECK(od_jobs_insert(db, &job, &job_id, NULL) == OD_OK);
    const od_state_change start = {.job = job_id, .to = OD_JOB_STARTING};
    FUZZ_CHECK(od_states_change(db, &start, &events, NULL, NULL) == OD_OK);
    od_event_list_fini(&events);
}

static void ingest(const char *lines, size_t size) {
    od_ingest ingest = {.job = job_id, .bytes = lines, .size = size};
    od_job job = {0};
    FUZZ_CHECK(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    FUZZ_CHECK(od_ingest_work(db, &ingest, NULL) == OD_OK);
    FUZZ_CHECK(od_jobs_get(db, job_id, &job, NULL) == OD_OK);
    FUZZ_CHECK(job.tail_offset == (int64_t)size);
    FUZZ_CHECK(job.state == (ingest.running ? OD_JOB_RUNNING : OD_JOB_STARTING));
    od_job_fini(&job);
    od_ingest_fini(&ingest);
    FUZZ_CHECK(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (db == NULL) {
        open_database();
    }
    char *lines = fuzz_text(data, size);
    lines[size] = '\n';
    ingest(lines, size + 1);
    free(lines);
    return 0;
}
