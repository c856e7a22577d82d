// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/files.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// A root with checkpoints/step-1/model, and things around it that must stay out of reach.
static int setup(void **state) {
    char path[SCRATCH_PATH_BYTES];
    char target[SCRATCH_PATH_BYTES];
    if (scratch_setup(state) != 0) {
        return -1;
    }
    const char *folder = *state;
    if (od_file_make_folders(scratch_path(path, folder, "root/checkpoints/step-1"), NULL) !=
        OD_OK) {
        return -1;
    }
    scratch_write(folder, "root/checkpoints/step-1/model", "weights", 7);
    scratch_write(folder, "secret", "secret", 6);
    scratch_path(target, folder, "secret");
    return symlink(target, scratch_path(path, folder, "root/link")) != 0 ||
                   symlink("../../../secret",
                           scratch_path(path, folder, "root/checkpoints/step-1/link")) != 0 ||
                   symlink("checkpoints", scratch_path(path, folder, "root/folder-link")) != 0 ||
                   mkfifo(scratch_path(path, folder, "root/pipe"), 0600) != 0
               ? -1
               : 0;
}

static od_status try_open(const char *folder, const char *const *names, size_t count) {
    char root[SCRATCH_PATH_BYTES];
    int fd = -1;
    uint64_t size = 0;
    od_error error = {0};
    od_status status =
        od_files_open(scratch_path(root, folder, "root"), names, count, &fd, &size, &error);
    if (status == OD_OK) {
        close(fd);
        assert_int_equal(size, 7);
    }
    return status;
}

static void test_a_file_in_folders(void **state) {
    const char *const names[] = {"checkpoints", "step-1", "model"};
    assert_int_equal(try_open(*state, names, 3), OD_OK);
}

static void test_everything_else_is_not_there(void **state) {
    static const struct {
        const char *names[3];
        size_t count;
    } rows[] = {
        {{NULL}, 0},
        {{"none"}, 1},
        {{"checkpoints"}, 1},
        {{"link"}, 1},
        {{"pipe"}, 1},
        {{"."}, 1},
        {{".."}, 1},
        {{""}, 1},
        {{"..", "secret"}, 2},
        {{"../secret"}, 1},
        {{"checkpoints/step-1/model"}, 1},
        {{"checkpoints", "..", "link"}, 3},
        {{"folder-link", "step-1", "model"}, 3},
        {{"checkpoints", "step-1", "link"}, 3},
        {{"checkpoints", "step-1", "model/"}, 3},
        {{"checkpoints", "step-1/../step-1", "model"}, 3},
        {{"checkpoints", "step-1\\..", "model"}, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (try_open(*state, rows[i].names, rows[i].count) != OD_E_NOT_FOUND) {
            fail_msg("row %zu was opened", i);
        }
    }
}

static void test_an_absolute_name_is_no_name(void **state) {
    char secret[SCRATCH_PATH_BYTES];
    const char *const names[] = {scratch_path(secret, *state, "secret")};
    assert_int_equal(try_open(*state, names, 1), OD_E_NOT_FOUND);
}

static void test_names(void **state) {
    (void)state;
    char large[257];
    memset(large, 'a', 256);
    large[256] = '\0';
    assert_true(od_files_is_name("model.safetensors"));
    assert_true(od_files_is_name("..."));
    assert_true(od_files_is_name("a\\b"));
    assert_false(od_files_is_name(large));
    assert_true(od_files_is_name(large + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_in_folders, setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_everything_else_is_not_there, setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_an_absolute_name_is_no_name, setup, scratch_teardown),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
