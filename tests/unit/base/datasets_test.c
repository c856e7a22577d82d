// SPDX-License-Identifier: Apache-2.0
// base/datasets.c: the catalogue is complete, files are found plain or packed, and a missing one is
// named with its remedy.
#include "base/datasets.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_row_is_complete(void **state) {
    (void)state;
    int rows = 0;
    for (const od_dataset_facts *facts = od_datasets; facts->name != NULL; facts++, rows++) {
        assert_ptr_equal(od_datasets_find(facts->name), facts);
        assert_true(facts->channels == 1 || facts->channels == 3);
        assert_int_equal(facts->image_size % facts->patch_size, 0);
        assert_true(facts->classes > 1 && facts->train_count > 0 && facts->eval_count > 0);
        assert_non_null(facts->default_root);
        assert_non_null(facts->files[0]);
        for (int c = 0; c < facts->channels; c++) {
            assert_true(facts->std[c] > 0 && facts->std[c] <= 1);
        }
    }
    assert_int_equal(rows, 6);
    assert_null(od_datasets_find("imagenet"));
}

static void write_four(const char *folder, const char *ending) {
    const od_dataset_facts *facts = od_datasets_find("fashion-mnist");
    for (int i = 0; i < OD_DATASETS_FILES; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", facts->files[i], ending);
        scratch_write(folder, name, "", 0);
    }
}

static void files_are_found_plain_or_packed(void **state) {
    char path[OD_DATASETS_PATH_BYTES];
    char expected[SCRATCH_PATH_BYTES];
    const od_dataset_facts *facts = od_datasets_find("fashion-mnist");
    write_four(*state, ".gz");
    assert_int_equal(od_datasets_locate("fashion-mnist", *state, path, NULL), OD_OK);
    assert_string_equal(path, *state);
    assert_int_equal(od_datasets_file(facts, *state, facts->files[0], path, NULL), OD_OK);
    assert_string_equal(path, scratch_path(expected, *state, "train-images-idx3-ubyte.gz"));
    write_four(*state, "");
    assert_int_equal(od_datasets_file(facts, *state, facts->files[0], path, NULL), OD_OK);
    assert_string_equal(path, scratch_path(expected, *state, "train-images-idx3-ubyte"));
}

static void one_missing_file_is_named(void **state) {
    char path[OD_DATASETS_PATH_BYTES];
    char expected[2 * SCRATCH_PATH_BYTES];
    od_error error = {0};
    write_four(*state, "");
    remove(scratch_path(path, *state, "t10k-labels-idx1-ubyte"));
    assert_int_equal(od_datasets_locate("mnist", *state, path, &error), OD_E_NOT_FOUND);
    snprintf(expected, sizeof expected,
             "mnist: %s/t10k-labels-idx1-ubyte(.gz) is not there; data.root must be the folder "
             "with the data set's files",
             (const char *)*state);
    assert_string_equal(error.text, expected);
}

static void the_package_or_its_lack_is_named(void **state) {
    (void)state;
    char path[OD_DATASETS_PATH_BYTES];
    od_error error = {0};
    od_dataset_facts facts = *od_datasets_find("fashion-mnist");
    facts.default_root = "/nowhere";
    assert_int_equal(od_datasets_file(&facts, "/nowhere", facts.files[0], path, &error),
                     OD_E_NOT_FOUND);
    assert_string_equal(error.text,
                        "fashion-mnist: /nowhere/train-images-idx3-ubyte(.gz) is not there; "
                        "apt-get install dataset-fashion-mnist");
    facts.package = NULL;
    assert_int_equal(od_datasets_file(&facts, "/nowhere", facts.files[0], path, &error),
                     OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "no Debian package has it"));
}

static void folders_or_shards_are_found(void **state) {
    char path[OD_DATASETS_PATH_BYTES];
    char folder[SCRATCH_PATH_BYTES];
    const od_dataset_facts *facts = od_datasets_find("imagenet1k");
    od_error error = {0};
    assert_int_equal(od_datasets_locate("imagenet1k", *state, path, &error), OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "/train is not there"));
    assert_int_equal(od_file_make_folders(scratch_path(folder, *state, "train"), NULL), OD_OK);
    assert_int_equal(od_file_make_folders(scratch_path(folder, *state, "val"), NULL), OD_OK);
    assert_int_equal(od_datasets_locate("imagenet1k", *state, path, NULL), OD_OK);
    assert_false(od_datasets_sharded(facts, *state));
    scratch_write(*state, "imagenet1k-train-0000.tar.part", "", 0);
    assert_false(od_datasets_sharded(facts, *state));
    scratch_write(*state, "imagenet1k-train-0000.tar", "", 0);
    assert_true(od_datasets_sharded(facts, *state));
    assert_int_equal(od_datasets_locate("imagenet1k", *state, path, &error), OD_E_NOT_FOUND);
    assert_non_null(strstr(error.text, "no evaluation shards (imagenet1k-validation-*.tar)"));
    scratch_write(*state, "imagenet1k-validation-00.tar", "", 0);
    assert_int_equal(od_datasets_locate("imagenet1k", *state, path, NULL), OD_OK);
    assert_false(od_datasets_sharded(od_datasets_find("tiny-imagenet"), *state));
}

static void bad_names_and_roots_are_refused(void **state) {
    char path[OD_DATASETS_PATH_BYTES];
    char file[SCRATCH_PATH_BYTES];
    od_error error = {0};
    assert_int_equal(od_datasets_locate("minst", NULL, path, &error), OD_E_INVALID);
    assert_string_equal(error.text, "there is no data set \"minst\"");
    scratch_write(*state, "file", "", 0);
    assert_int_equal(od_datasets_locate("mnist", scratch_path(file, *state, "file"), path, &error),
                     OD_E_NOT_FOUND);
    char *longest = malloc(OD_DATASETS_PATH_BYTES);
    memset(longest, 'a', OD_DATASETS_PATH_BYTES - 1);
    longest[OD_DATASETS_PATH_BYTES - 1] = '\0';
    assert_int_equal(od_datasets_locate("mnist", longest, path, &error), OD_E_TOO_LARGE);
    free(longest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test_setup_teardown(files_are_found_plain_or_packed, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(one_missing_file_is_named, scratch_setup, scratch_teardown),
        cmocka_unit_test(the_package_or_its_lack_is_named),
        cmocka_unit_test_setup_teardown(folders_or_shards_are_found, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(bad_names_and_roots_are_refused, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests_name("base/datasets", tests, NULL, NULL);
}
