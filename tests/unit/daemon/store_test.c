// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/store.h"

#include "daemon/store/migrations.h"
#include "daemon/store/sql.h"
#include "tests/unit/daemon/world.h"
#include "tests/unit/scratch.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 2000 };

// --- groups and savepoints -----------------------------------------------------------------

typedef struct note {
    int64_t value;
    bool fail;
    od_status status;
    int64_t *order; // counts done functions
    int64_t place;  // among them
} note;

static od_status insert_note(sqlite3 *db, void *ctx, od_error *error) {
    const note *n = ctx;
    OD_TRY(od_sql_run(db, "INSERT INTO removals (job) VALUES (?1)", OD_SQL(od_sql_i(n->value)),
                      error));
    return n->fail ? od_error_set(error, OD_E_INVALID, "wanted") : OD_OK;
}

static void note_done(void *ctx, od_status status, const od_error *error) {
    note *n = ctx;
    n->status = status;
    n->place = (*n->order)++;
    if (status == OD_E_INVALID) {
        assert_string_equal(error->text, "wanted");
    }
}

static void every_write_is_done_in_order_and_failures_undo_only_themselves(void **state) {
    static note notes[MANY];
    world *w = *state;
    int64_t order = 0;
    for (int i = 0; i < MANY; i++) {
        notes[i] = (note){.value = i + 1, .fail = i % 10 == 3, .order = &order};
        od_store_write(w->store, insert_note, note_done, &notes[i]);
    }
    while (order < MANY) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(notes[i].place, i);
        assert_int_equal(notes[i].status, notes[i].fail ? OD_E_INVALID : OD_OK);
    }
    world_assert_query(w, "SELECT count(*) FROM removals", "1800");
    world_assert_query(w, "SELECT count(*) FROM removals WHERE job % 10 = 4", "0");
}

static void a_constraint_undoes_the_whole_task(void **state) {
    world *w = *state;
    int64_t order = 0;
    note first = {.value = 5, .order = &order};
    assert_int_equal(world_write(w, insert_note, &first), OD_OK);
    assert_int_equal(world_write(w, insert_note, &first), OD_E_DATABASE);
    world_assert_query(w, "SELECT job FROM removals", "5");
}

static od_status write_from_a_reader(sqlite3 *db, void *ctx, od_error *error) {
    return insert_note(db, ctx, error);
}

static void readers_cannot_write(void **state) {
    world *w = *state;
    note n = {.value = 7};
    assert_int_equal(world_read(w, write_from_a_reader, &n), OD_E_IO);
    world_assert_query(w, "SELECT count(*) FROM removals", "0");
}

static void what_was_committed_is_there_after_reopening(void **state) {
    world *w = *state;
    int64_t order = 0;
    note n = {.value = 9, .order = &order};
    od_store_write(w->store, insert_note, note_done, &n);
    world_close_store(w); // waits for it
    assert_int_equal(order, 1);
    assert_int_equal(n.status, OD_OK);
    world_open_store(w);
    world_assert_query(w, "SELECT job FROM removals", "9");
    world_assert_query(w, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", "1");
}

// --- reads are of one moment ---------------------------------------------------------------

typedef struct snapshot {
    uv_barrier_t barrier;
    int64_t before, after;
    bool done;
} snapshot;

static od_status count_twice(sqlite3 *db, void *ctx, od_error *error) {
    snapshot *s = ctx;
    OD_TRY(od_sql_int(db, "SELECT count(*) FROM removals", OD_SQL_NONE, &s->before, error));
    uv_barrier_wait(&s->barrier); // the write may go now
    uv_barrier_wait(&s->barrier); // and is committed now
    return od_sql_int(db, "SELECT count(*) FROM removals", OD_SQL_NONE, &s->after, error);
}

static void snapshot_done(void *ctx, od_status status, const od_error *error) {
    (void)error;
    assert_int_equal(status, OD_OK);
    ((snapshot *)ctx)->done = true;
}

static void a_read_does_not_see_later_commits(void **state) {
    world *w = *state;
    snapshot s = {.before = -1, .after = -1};
    int64_t order = 0;
    note n = {.value = 1, .order = &order};
    uv_barrier_init(&s.barrier, 2);
    od_store_read(w->store, count_twice, snapshot_done, &s);
    uv_barrier_wait(&s.barrier);
    assert_int_equal(world_write(w, insert_note, &n), OD_OK);
    uv_barrier_wait(&s.barrier);
    while (!s.done) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(s.before, 0);
    assert_int_equal(s.after, 0);
    world_assert_query(w, "SELECT count(*) FROM removals", "1");
    uv_barrier_destroy(&s.barrier);
}

// --- a full disk ---------------------------------------------------------------------------

static od_status fill_the_disk(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    OD_TRY(od_sql_script(db, "PRAGMA max_page_count = 1", error)); // as many as there are
    od_status status = od_sql_script(db,
                                     "INSERT INTO experiments (name, base, vary, created_at_ms)"
                                     " VALUES (hex(zeroblob(1000000)), '', '', 0)",
                                     error);
    sqlite3_exec(db, "PRAGMA max_page_count = 1073741823", NULL, NULL, NULL);
    return status;
}

static void a_full_disk_fails_the_write_and_the_next_one_works(void **state) {
    world *w = *state;
    int64_t order = 0;
    note before = {.value = 1, .order = &order};
    note after = {.value = 2, .order = &order};
    note full = {.order = &order};
    od_store_write(w->store, insert_note, note_done, &before);
    od_store_write(w->store, fill_the_disk, note_done, &full);
    od_store_write(w->store, insert_note, note_done, &after);
    while (order < 3) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(full.status, OD_E_FULL);
    // Whether the three were one group is a matter of timing; what was acknowledged is there.
    char expected[8];
    snprintf(expected, sizeof expected, "%s%s%s", before.status == OD_OK ? "1" : "",
             before.status == OD_OK && after.status == OD_OK ? " " : "",
             after.status == OD_OK ? "2" : "");
    world_assert_query(w, "SELECT job FROM removals ORDER BY job", expected);
    note last = {.value = 3, .order = &order};
    assert_int_equal(world_write(w, insert_note, &last), OD_OK);
}

// --- versions ------------------------------------------------------------------------------

// Runs SQL on the database behind the store's back.
static void tamper(world *w, const char *sql) {
    char path[SCRATCH_PATH_BYTES];
    char *fault = NULL;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(scratch_path(path, w->folder, "orthod.db"), &db), SQLITE_OK);
    sqlite3_exec(db, sql, NULL, NULL, &fault);
    assert_null(fault);
    sqlite3_close(db);
}

static od_status try_open(world *w, od_error *error) {
    char path[SCRATCH_PATH_BYTES];
    return od_store_open(&w->loop, scratch_path(path, w->folder, "orthod.db"), &w->store, error);
}

// The path of the database with this behind it.
static const char *beside(const world *w, const char *end) {
    static char path[SCRATCH_PATH_BYTES + 16];
    char database[SCRATCH_PATH_BYTES];
    snprintf(path, sizeof path, "%s%s", scratch_path(database, w->folder, "orthod.db"), end);
    return path;
}

static void a_newer_database_is_refused(void **state) {
    world *w = *state;
    od_error error;
    world_close_store(w);
    tamper(w, "PRAGMA user_version = 999");
    assert_int_equal(try_open(w, &error), OD_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "newer orthod (version 999"));
    char back[64];
    snprintf(back, sizeof back, "PRAGMA user_version = %d", OD_MIGRATIONS_VERSION);
    tamper(w, back); // and it was not touched
    world_open_store(w);
    assert_int_equal(access(beside(w, ".v999.bak"), F_OK), -1);
}

static void somebody_elses_database_is_refused(void **state) {
    world *w = *state;
    od_error error;
    world_close_store(w);
    tamper(w, "PRAGMA application_id = 42");
    assert_int_equal(try_open(w, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "is not a database of orthod's"));
}

static void a_file_that_is_no_database_is_refused(void **state) {
    world *w = *state;
    char text[8192];
    od_error error;
    world_close_store(w);
    memset(text, 'x', sizeof text);
    scratch_write(w->folder, "orthod.db", text, sizeof text);
    assert_int_equal(try_open(w, &error), OD_E_CORRUPT);
}

static void assert_is_newest(world *w) {
    assert_int_equal(world_query_int(w, "SELECT user_version FROM pragma_user_version"),
                     OD_MIGRATIONS_VERSION);
}

// fixtures/orthod-vN.sql is what version N wrote; it never changes.
static void put_version(world *w, const char *fixture) {
    od_buffer sql = {0};
    world_close_store(w);
    assert_int_equal(unlink(beside(w, "")), 0);
    assert_int_equal(od_file_read(fixture, 1 << 20, &sql, NULL), OD_OK);
    tamper(w, sql.data);
    od_buffer_fini(&sql);
}

static void a_database_of_version_1_is_read(void **state) {
    world *w = *state;
    put_version(w, OD_TEST_FIXTURES "/orthod-v1.sql");
    world_open_store(w);
    od_job job = world_job(w, 3);
    assert_string_equal(job.name, "kept \"for ever\"");
    assert_int_equal(job.state, OD_JOB_SUCCEEDED);
    assert_int_equal(job.experiment, 1);
    assert_int_equal(job.attempt, 2);
    assert_int_equal(job.tail_offset, 4096);
    od_job_fini(&job);
    world_assert_query(w, "SELECT step FROM points ORDER BY attempt, step", "1 2 3 3 4");
    assert_is_newest(w);
    // An answer that was given before the whole of it was kept.
    world_assert_query(w, "SELECT response FROM idempotency WHERE body IS NULL", "3");
}

static void a_database_of_version_2_is_read(void **state) {
    world *w = *state;
    put_version(w, OD_TEST_FIXTURES "/orthod-v2.sql");
    world_open_store(w);
    assert_is_newest(w);
    world_assert_query(w, "SELECT step FROM points ORDER BY attempt, step", "1 2 3 3 4");
    world_assert_query(w, "SELECT loose FROM series", "0");
    world_assert_query(w, "SELECT response FROM idempotency WHERE body IS NOT NULL", "3");
}

static void a_database_of_version_3_is_read(void **state) {
    world *w = *state;
    put_version(w, OD_TEST_FIXTURES "/orthod-v3.sql");
    world_open_store(w);
    assert_is_newest(w);
    od_job job = world_job(w, 3);
    assert_int_equal(job.memory_bytes, 5000); // as its plan says
    assert_int_equal(job.age, 0);
    assert_null(job.reason_code);
    od_job_fini(&job);
    world_assert_query(w, "SELECT attempt FROM attempts WHERE devices = '' AND end_code IS NULL",
                       "1 2");
    world_assert_query(w, "SELECT count(*) FROM drained", "0");
}

static void a_database_of_version_4_is_read(void **state) {
    world *w = *state;
    put_version(w, OD_TEST_FIXTURES "/orthod-v4.sql");
    world_open_store(w);
    assert_is_newest(w);
    od_job job = world_job(w, 3);
    assert_int_equal(job.revision, 1);
    assert_int_equal(job.ran_ms, 7);
    od_job_fini(&job);
    world_assert_query(w, "SELECT count(*) FROM drained", "1");
}

static void an_old_version_is_kept_before_its_upgrade(void **state) {
    world *w = *state;
    assert_int_equal(access(beside(w, ".v0.bak"), F_OK), -1); // of nothing there is no copy
    put_version(w, OD_TEST_FIXTURES "/orthod-v1.sql");
    world_open_store(w);
    assert_is_newest(w);
    world_close_store(w);
    // The copy takes its place: it is version 1 still, with all that was in there.
    char copy[SCRATCH_PATH_BYTES + 16];
    snprintf(copy, sizeof copy, "%s", beside(w, ".v1.bak"));
    assert_int_equal(rename(copy, beside(w, "")), 0);
    tamper(w, "CREATE TEMP TABLE t (v CHECK (v = 1)); INSERT INTO t SELECT user_version FROM"
              " pragma_user_version; DELETE FROM t; INSERT INTO t SELECT count(*) = 5 FROM points");
    world_open_store(w);
    assert_int_equal(access(copy, F_OK), 0);
}

static void without_a_copy_nothing_is_upgraded(void **state) {
    world *w = *state;
    od_error error;
    put_version(w, OD_TEST_FIXTURES "/orthod-v1.sql");
    assert_int_equal(mkdir(beside(w, ".v1.bak"), 0700), 0); // cannot be replaced by a file
    assert_int_not_equal(try_open(w, &error), OD_OK);
    assert_non_null(strstr(error.text, "orthod.db.v1.bak"));
    tamper(w, "CREATE TEMP TABLE t (v CHECK (v = 1)); INSERT INTO t SELECT user_version FROM"
              " pragma_user_version");
    assert_int_equal(rmdir(beside(w, ".v1.bak")), 0);
    world_open_store(w);
}

static od_status no_work(sqlite3 *db, void *ctx, od_error *error) {
    (void)db;
    (void)ctx;
    (void)error;
    return OD_OK;
}

static od_status fill(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    OD_TRY(od_sql_script(db, "CREATE TABLE ballast (bytes BLOB)", error));
    for (int i = 0; i < MANY; i++) {
        OD_TRY(od_sql_script(db, "INSERT INTO ballast VALUES (zeroblob(10000))", error));
    }
    return OD_OK;
}

static od_status throw_out(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    return od_sql_script(db, "DROP TABLE ballast", error);
}

static int64_t size_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

// Waits until the database's file is no larger than this: the space comes back behind the answer.
static void wait_for_size(world *w, int64_t bytes) {
    time_t deadline = time(NULL) + 60;
    while (size_of(beside(w, "")) > bytes) {
        assert_int_equal(world_write(w, no_work, NULL), OD_OK); // the next turn of the writer
        assert_true(time(NULL) < deadline);
    }
}

static void what_was_deleted_frees_its_space(void **state) {
    world *w = *state;
    enum { BALLAST = MANY * 10000 };
    assert_int_equal(world_write(w, fill, NULL), OD_OK);
    world_close_store(w);
    assert_true(size_of(beside(w, "")) > BALLAST);
    world_open_store(w);
    assert_int_equal(world_write(w, throw_out, NULL), OD_OK);
    wait_for_size(w, BALLAST / 2);
}

static void a_database_of_before_frees_its_space_too(void **state) {
    world *w = *state;
    put_version(w, OD_TEST_FIXTURES "/orthod-v2.sql");
    world_open_store(w);
    world_assert_query(w, "SELECT auto_vacuum FROM pragma_auto_vacuum", "2");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_write_is_done_in_order_and_failures_undo_only_themselves),
        TEST(a_constraint_undoes_the_whole_task),
        TEST(readers_cannot_write),
        TEST(what_was_committed_is_there_after_reopening),
        TEST(a_read_does_not_see_later_commits),
        TEST(a_full_disk_fails_the_write_and_the_next_one_works),
        TEST(a_newer_database_is_refused),
        TEST(somebody_elses_database_is_refused),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_database_of_version_1_is_read),
        TEST(a_database_of_version_2_is_read),
        TEST(a_database_of_version_3_is_read),
        TEST(what_was_deleted_frees_its_space),
        TEST(a_database_of_before_frees_its_space_too),
        TEST(a_database_of_version_4_is_read),
        TEST(an_old_version_is_kept_before_its_upgrade),
        TEST(without_a_copy_nothing_is_upgraded),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
