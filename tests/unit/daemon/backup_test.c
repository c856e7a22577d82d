// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/backup.h"

#include "daemon/store/migrations.h"
#include "daemon/store/sql.h"
#include "tests/unit/daemon/world.h"
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static char database[SCRATCH_PATH_BYTES];
static char backup[SCRATCH_PATH_BYTES];
static od_error error;

static int setup(void **state) {
    if (world_setup(state) != 0) {
        return -1;
    }
    const world *w = *state;
    scratch_path(database, w->folder, "orthod.db");
    scratch_path(backup, w->folder, "copy.db");
    return 0;
}

static od_status insert(sqlite3 *db, void *ctx, od_error *fault) {
    return od_sql_run(db, "INSERT INTO removals (job) VALUES (?1)",
                      OD_SQL(od_sql_i(*(int64_t *)ctx)), fault);
}

static int64_t query(const char *path, const char *sql) {
    sqlite3 *db;
    int64_t out = -1;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(od_sql_int(db, sql, OD_SQL_NONE, &out, &error), OD_OK);
    od_sql_close(db);
    return out;
}

static size_t count_files(const char *folder, const char *part) {
    DIR *stream = opendir(folder);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        count += strstr(entry->d_name, part) != NULL;
    }
    closedir(stream);
    return count;
}

static void a_copy_of_an_open_database_is_whole(void **state) {
    world *w = *state;
    int64_t job = 7;
    assert_int_equal(world_write(w, insert, &job), OD_OK); // in the WAL alone
    assert_int_equal(od_backup_file(database, backup, &error), OD_OK);
    assert_int_equal(query(backup, "SELECT job FROM removals"), 7);
    assert_int_equal(query(backup, "PRAGMA user_version"), OD_MIGRATIONS_VERSION);
    assert_int_equal(query(backup, "PRAGMA application_id"),
                     query(database, "PRAGMA application_id"));
    assert_int_equal(query(backup, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    assert_int_equal(count_files(w->folder, "copy.db"), 1); // and nothing beside it
    job = 8;
    assert_int_equal(world_write(w, insert, &job), OD_OK); // the store goes on
    assert_int_equal(query(backup, "SELECT count(*) FROM removals"), 1);
}

static void a_copy_can_take_the_place_of_the_database(void **state) {
    world *w = *state;
    int64_t job = 7;
    assert_int_equal(world_write(w, insert, &job), OD_OK);
    assert_int_equal(od_backup_file(database, backup, &error), OD_OK);
    world_close_store(w);
    assert_int_equal(rename(backup, database), 0);
    world_open_store(w);
    char *jobs = world_query(w, "SELECT job FROM removals");
    assert_string_equal(jobs, "7");
    free(jobs);
}

static void a_file_that_is_there_stays(void **state) {
    const world *w = *state;
    od_buffer text = {0};
    scratch_write(w->folder, "copy.db", "mine", 4);
    assert_int_equal(od_backup_file(database, backup, &error), OD_E_EXISTS);
    assert_non_null(strstr(error.text, "is there already"));
    assert_int_equal(od_file_read(backup, 100, &text, &error), OD_OK);
    assert_string_equal(text.data, "mine");
    od_buffer_fini(&text);
}

static void what_cannot_be_copied_is_refused(void **state) {
    const world *w = *state;
    char other[SCRATCH_PATH_BYTES];
    scratch_path(other, w->folder, "none.db");
    assert_int_equal(od_backup_file(other, backup, &error), OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "none.db"));
    assert_int_equal(access(other, F_OK), -1); // and none was made
    scratch_write(w->folder, "other.db", "this is no database at all", 26);
    scratch_path(other, w->folder, "other.db");
    assert_int_equal(od_backup_file(other, backup, &error), OD_E_CORRUPT);
    assert_int_equal(od_backup_file(database, "/nonexistent/copy.db", &error), OD_E_NOT_FOUND);
    assert_int_equal(count_files(w->folder, "copy.db"), 0);
}

static void a_copy_that_fails_leaves_nothing(void **state) {
    const world *w = *state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(od_backup_replace(db, backup, &error), OD_E_DATABASE);
    assert_non_null(strstr(error.text, backup));
    od_sql_close(db);
    assert_int_equal(count_files(w->folder, "copy.db"), 0);
}

static void what_a_killed_one_left_goes(void **state) {
    world *w = *state;
    int64_t job = 7;
    sqlite3 *db;
    scratch_write(w->folder, "copy.db.tmp", "half of a copy", 14);
    scratch_write(w->folder, "copy.db.tmp-journal", "and its journal", 15);
    assert_int_equal(world_write(w, insert, &job), OD_OK);
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(od_backup_replace(db, backup, &error), OD_OK);
    od_sql_close(db);
    assert_int_equal(query(backup, "SELECT job FROM removals"), 7);
    assert_int_equal(count_files(w->folder, "copy.db"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_of_an_open_database_is_whole), TEST(a_copy_can_take_the_place_of_the_database),
        TEST(a_file_that_is_there_stays),          TEST(what_cannot_be_copied_is_refused),
        TEST(a_copy_that_fails_leaves_nothing),    TEST(what_a_killed_one_left_goes),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
