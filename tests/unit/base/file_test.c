// SPDX-License-Identifier: Apache-2.0
// base/file.c: folders that replace each other, on file systems that can exchange names and on
// those that cannot.
#include "base/file.h"

#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// A file system without RENAME_EXCHANGE.
static bool cannot_exchange;
static int exchanges;
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    exchanges++;
    if (cannot_exchange) {
        errno = EINVAL;
        return -1;
    }
    return __real_renameat2(from_fd, from, to_fd, to, flags);
}

// folder/name with one file that holds text.
static void make(const char *folder, const char *name, const char *text) {
    char path[SCRATCH_PATH_BYTES];
    assert_int_equal(mkdir(scratch_path(path, folder, name), 0755), 0);
    scratch_write(path, "file", text, strlen(text));
}

static void assert_holds(const char *folder, const char *name, const char *text) {
    char path[SCRATCH_PATH_BYTES], file[SCRATCH_PATH_BYTES];
    od_buffer bytes = {0};
    scratch_path(path, folder, name);
    if (text == NULL) {
        assert_int_equal(access(path, F_OK), -1);
        return;
    }
    assert_int_equal(od_file_read(scratch_path(file, path, "file"), 100, &bytes, NULL), OD_OK);
    assert_string_equal(bytes.data, text);
    od_buffer_fini(&bytes);
}

static void replace(const char *folder) {
    char fresh[SCRATCH_PATH_BYTES], path[SCRATCH_PATH_BYTES];
    scratch_path(fresh, folder, "fresh");
    scratch_path(path, folder, "it");
    assert_int_equal(od_file_replace_folder(fresh, path, NULL), OD_OK);
}

static void a_folder_replaces_another(void **state) {
    for (int slow = 0; slow < 2; slow++) {
        cannot_exchange = slow == 1;
        exchanges = 0;
        make(*state, "fresh", "one");
        replace(*state);
        assert_int_equal(exchanges, 0);
        assert_holds(*state, "it", "one");
        make(*state, "it.old", "a leftover");
        make(*state, "fresh", "two");
        replace(*state);
        assert_int_equal(exchanges, 1);
        assert_holds(*state, "it", "two");
        assert_holds(*state, "it.old", NULL);
        assert_holds(*state, "fresh", NULL);
        char path[SCRATCH_PATH_BYTES];
        assert_int_equal(od_file_remove_tree(scratch_path(path, *state, "it"), NULL), OD_OK);
    }
    cannot_exchange = false;
}

static void what_was_between_two_renames_comes_back(void **state) {
    char path[SCRATCH_PATH_BYTES];
    scratch_path(path, *state, "it");
    assert_int_equal(od_file_restore_folder(path, NULL), OD_OK);
    assert_holds(*state, "it", NULL);
    make(*state, "it.old", "old");
    assert_int_equal(od_file_restore_folder(path, NULL), OD_OK);
    assert_holds(*state, "it", "old");
    assert_holds(*state, "it.old", NULL);
    make(*state, "it.old", "older");
    assert_int_equal(od_file_restore_folder(path, NULL), OD_OK);
    assert_holds(*state, "it", "old");
    assert_holds(*state, "it.old", NULL);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_folder_replaces_another),
        IN_SCRATCH(what_was_between_two_renames_comes_back),
    };
    return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
