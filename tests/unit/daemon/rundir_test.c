// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/rundir.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool alive(const char *folder, int64_t job) {
    bool out = false;
    assert_int_equal(od_rundir_probe(folder, job, &out, NULL), OD_OK);
    return out;
}

static void a_prepared_run_is_whole_and_locked(void **state) {
    od_rundir_files files;
    char path[PATH_MAX];
    od_buffer spec = {0};
    struct stat info;
    assert_int_equal(od_rundir_prepare(*state, 7, "{\"a\":1}", &files, NULL), OD_OK);
    assert_true(alive(*state, 7));
    assert_int_equal(od_rundir_path(path, *state, 7, "spec.json", NULL), OD_OK);
    assert_int_equal(od_file_read(path, 100, &spec, NULL), OD_OK);
    assert_string_equal(spec.data, "{\"a\":1}");
    assert_int_equal(od_rundir_path(path, *state, 7, "events.ndjson", NULL), OD_OK);
    assert_int_equal(stat(path, &info), 0);
    od_buffer_fini(&spec);
    od_rundir_files_close(&files);
    assert_false(alive(*state, 7));
}

static void a_run_without_a_folder_is_not_alive(void **state) {
    assert_false(alive(*state, 1));
}

static void a_locked_run_cannot_be_prepared_again(void **state) {
    od_rundir_files first;
    od_rundir_files second;
    od_error error;
    assert_int_equal(od_rundir_prepare(*state, 1, "{}", &first, NULL), OD_OK);
    assert_int_equal(od_rundir_prepare(*state, 1, "{}", &second, &error), OD_E_BUSY);
    assert_non_null(strstr(error.text, "run 1"));
    od_rundir_files_close(&first);
    assert_int_equal(od_rundir_prepare(*state, 1, "{}", &second, NULL), OD_OK);
    od_rundir_files_close(&second);
}

static void another_jobs_spec_is_never_replaced(void **state) {
    od_rundir_files files;
    od_error error;
    assert_int_equal(od_rundir_prepare(*state, 1, "{}", &files, NULL), OD_OK);
    od_rundir_files_close(&files);
    assert_int_equal(od_rundir_prepare(*state, 1, "{\"b\":2}", &files, &error), OD_E_EXISTS);
    assert_non_null(strstr(error.text, "/runs/1/spec.json"));
    assert_false(alive(*state, 1));
}

static void an_unwritable_place_is_an_error(void **state) {
    od_rundir_files files;
    od_error error;
    scratch_write(*state, "runs", "", 0); // a file where the folder should be
    assert_int_not_equal(od_rundir_prepare(*state, 1, "{}", &files, &error), OD_OK);
    assert_int_equal(files.lock, -1);
}

static void assert_last_line(void *folder, const char *log, const char *expected) {
    od_rundir_files files;
    char path[PATH_MAX];
    char line[32];
    assert_int_equal(od_rundir_prepare(folder, 1, "{}", &files, NULL), OD_OK);
    assert_int_equal(ftruncate(files.log, 0), 0);
    assert_int_equal(write(files.log, log, strlen(log)), strlen(log));
    od_rundir_files_close(&files);
    od_rundir_last_log_line(folder, 1, line, sizeof line);
    assert_string_equal(line, expected);
    assert_int_equal(od_rundir_path(path, folder, 1, "", NULL), OD_OK);
}

static void the_last_line_of_the_log_is_found(void **state) {
    char line[8] = "x";
    od_rundir_last_log_line(*state, 5, line, sizeof line);
    assert_string_equal(line, "");
    assert_last_line(*state, "", "");
    assert_last_line(*state, "\n\n", "");
    assert_last_line(*state, "one", "one");
    assert_last_line(*state, "one\ntwo\n\n", "two");
    assert_last_line(*state, "a line that is longer than the caller has room for\n",
                     "a line that is longer than the ");
}

static void removal_takes_the_folder_and_is_fine_twice(void **state) {
    od_rundir_files files;
    char path[PATH_MAX];
    assert_int_equal(od_rundir_prepare(*state, 1, "{}", &files, NULL), OD_OK);
    od_rundir_files_close(&files);
    assert_int_equal(od_rundir_remove(*state, 1, NULL), OD_OK);
    assert_int_equal(od_rundir_path(path, *state, 1, "", NULL), OD_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(od_rundir_remove(*state, 1, NULL), OD_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_prepared_run_is_whole_and_locked),
        TEST(a_run_without_a_folder_is_not_alive),
        TEST(a_locked_run_cannot_be_prepared_again),
        TEST(another_jobs_spec_is_never_replaced),
        TEST(an_unwritable_place_is_an_error),
        TEST(the_last_line_of_the_log_is_found),
        TEST(removal_takes_the_folder_and_is_fine_twice),
    };
    return cmocka_run_group_tests_name("rundir", tests, NULL, NULL);
}
