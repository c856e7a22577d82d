// SPDX-License-Identifier: Apache-2.0
// core/data/source_cifar.c: records become NHWC images and labels, and every file that is not
// CIFAR's is refused, by measuring as by reading.
#include "core/data/dataset.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { PLANE = 32 * 32, IMAGE = 3 * PLANE, MOST = 4 };

static const char *const cifar10_files[] = {"data_batch_1.bin", "data_batch_2.bin",
                                            "data_batch_3.bin", "data_batch_4.bin",
                                            "data_batch_5.bin", "test_batch.bin"};

// A value that tells file, record, channel and pixel apart.
static uint8_t pixel_of(int file, int record, int channel, int p) {
    return (uint8_t)(file * 50 + record * 13 + channel * 101 + p * 7);
}

// Records of labels bytes of label, the last of which is (file + record) % 10.
static void write_records(const char *folder, const char *name, int file, int records, int labels) {
    static uint8_t bytes[MOST * (2 + IMAGE)];
    uint8_t *next = bytes;
    for (int r = 0; r < records; r++) {
        for (int i = 0; i < labels; i++) {
            *next++ = (uint8_t)(i + 1 == labels ? (file + r) % 10 : 19);
        }
        for (int i = 0; i < IMAGE; i++) {
            *next++ = pixel_of(file, r, i / PLANE, i % PLANE);
        }
    }
    scratch_write(folder, name, bytes, (size_t)(next - bytes));
}

// CIFAR-10 with 1, 2, 1, 2, 1 and 3 images, CIFAR-100 with 4 and 2.
static int setup(void **state) {
    if (scratch_setup(state) != 0) {
        return -1;
    }
    for (int file = 0; file < 6; file++) {
        write_records(*state, cifar10_files[file], file, file == 5 ? 3 : 1 + file % 2, 1);
    }
    write_records(*state, "train.bin", 6, 4, 2);
    write_records(*state, "test.bin", 7, 2, 2);
    return 0;
}

static od_data_spec spec_of(const char *name, const char *root) {
    od_data_spec spec = {0};
    snprintf(spec.dataset, sizeof spec.dataset, "%s", name);
    snprintf(spec.root, sizeof spec.root, "%s", root);
    return spec;
}

static od_dataset *open_split(const od_data_spec *spec, od_split split) {
    od_dataset *dataset = NULL;
    od_dataset_size size = {0};
    od_error error = {0};
    if (od_dataset_open(spec, split, &dataset, &error) != OD_OK ||
        od_dataset_measure(spec, split, &size, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(size.count, dataset->count);
    assert_int_equal(size.bytes, dataset->count * (IMAGE + 4));
    return dataset;
}

static void assert_image(const od_dataset *dataset, int64_t index, int file, int record) {
    const uint8_t *pixels = dataset->pixels + index * IMAGE;
    assert_int_equal(dataset->labels[index], (file + record) % 10);
    for (int p = 0; p < PLANE; p++) {
        for (int c = 0; c < 3; c++) {
            assert_int_equal(pixels[3 * p + c], pixel_of(file, record, c, p));
        }
    }
}

static void cifar10_is_read_file_by_file(void **state) {
    od_data_spec spec = spec_of("cifar10", *state);
    od_dataset *train = open_split(&spec, OD_SPLIT_TRAIN);
    static const int places[][2] = {{0, 0}, {1, 0}, {1, 1}, {2, 0}, {3, 0}, {3, 1}, {4, 0}};
    assert_int_equal(train->count, 7);
    assert_int_equal(train->height, 32);
    assert_int_equal(train->channels, 3);
    assert_int_equal(train->classes, 10);
    for (int i = 0; i < 7; i++) {
        assert_image(train, i, places[i][0], places[i][1]);
    }
    od_dataset_free(train);
    od_dataset *eval = open_split(&spec, OD_SPLIT_EVAL);
    assert_int_equal(eval->count, 3);
    assert_image(eval, 2, 5, 2);
    od_dataset_free(eval);
}

static void cifar100_takes_the_fine_label(void **state) {
    od_data_spec spec = spec_of("cifar100", *state);
    spec.limit_train = 3;
    od_dataset *train = open_split(&spec, OD_SPLIT_TRAIN);
    assert_int_equal(train->count, 3);
    assert_int_equal(train->classes, 100);
    assert_image(train, 2, 6, 2);
    od_dataset_free(train);
    od_dataset *eval = open_split(&spec, OD_SPLIT_EVAL);
    assert_int_equal(eval->count, 2);
    assert_image(eval, 1, 7, 1);
    od_dataset_free(eval);
}

static void expect(const od_data_spec *spec, od_split split, od_status status, const char *part) {
    od_dataset *dataset = NULL;
    od_dataset_size size;
    od_error opening = {0};
    od_error measuring = {0};
    assert_int_equal(od_dataset_open(spec, split, &dataset, &opening), status);
    assert_int_equal(od_dataset_measure(spec, split, &size, &measuring), status);
    if (strstr(opening.text, part) == NULL || strstr(measuring.text, part) == NULL) {
        fail_msg("\"%s\" and \"%s\"; expected \"%s\"", opening.text, measuring.text, part);
    }
    assert_null(dataset);
}

static void a_file_is_whole_records(void **state) {
    static uint8_t bytes[2 * (1 + IMAGE) + 1];
    od_data_spec spec = spec_of("cifar10", *state);
    scratch_write(*state, "data_batch_4.bin", bytes, sizeof bytes);
    expect(&spec, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "data_batch_4.bin has 6147 bytes, which is no multiple of a record's 3073: it is cut "
           "off or not the binary version of cifar10; get it anew");
    scratch_write(*state, "data_batch_4.bin", bytes, sizeof bytes - 2);
    expect(&spec, OD_SPLIT_TRAIN, OD_E_CORRUPT, "data_batch_4.bin has 6145 bytes");
    scratch_write(*state, "test_batch.bin", bytes, 0);
    expect(&spec, OD_SPLIT_EVAL, OD_E_CORRUPT, "test_batch.bin has 0 bytes");
    // CIFAR-100's records are longer.
    write_records(*state, "test.bin", 7, 2, 1);
    spec = spec_of("cifar100", *state);
    expect(&spec, OD_SPLIT_EVAL, OD_E_CORRUPT, "no multiple of a record's 3074");
}

static void labels_have_a_range(void **state) {
    static uint8_t bytes[2 * (2 + IMAGE)];
    od_data_spec spec = spec_of("cifar10", *state);
    bytes[1 + IMAGE] = 10;
    scratch_write(*state, "data_batch_5.bin", bytes, 2 * (1 + IMAGE));
    expect(&spec, OD_SPLIT_TRAIN, OD_E_CORRUPT,
           "data_batch_5.bin: the label of record 1 is 10; the largest is 9");
    bytes[1 + IMAGE] = 0;
    bytes[1] = 100;
    scratch_write(*state, "train.bin", bytes, sizeof bytes);
    spec = spec_of("cifar100", *state);
    expect(&spec, OD_SPLIT_TRAIN, OD_E_CORRUPT, "train.bin: the label of record 0 is 100");
}

static void every_file_must_be_there(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_data_spec spec = spec_of("cifar10", *state);
    remove(scratch_path(path, *state, "data_batch_3.bin"));
    expect(&spec, OD_SPLIT_TRAIN, OD_E_NOT_FOUND, "data_batch_3.bin is not there");
    assert_int_equal(mkdir(path, 0755), 0);
    od_dataset_size size;
    od_error error = {0};
    assert_int_equal(od_dataset_measure(&spec, OD_SPLIT_TRAIN, &size, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "data_batch_3.bin is not a file"));
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(cifar10_is_read_file_by_file), IN_SCRATCH(cifar100_takes_the_fine_label),
        IN_SCRATCH(a_file_is_whole_records),      IN_SCRATCH(labels_have_a_range),
        IN_SCRATCH(every_file_must_be_there),
    };
    return cmocka_run_group_tests_name("core/data/source_cifar", tests, NULL, NULL);
}
