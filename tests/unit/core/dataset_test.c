// SPDX-License-Identifier: Apache-2.0
// core/data/dataset.c: splits, limits and the faults that need both files, on small MNIST-like files
// made here; and Debian's Fashion-MNIST, read whole, where it is installed.
#include "core/data/dataset.h"

#include "base/datasets.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIDE = 28, IMAGE_BYTES = SIDE * SIDE };

static void write_images(const char *folder, const char *name, uint32_t count, int first_pixel) {
    uint8_t bytes[16 + 16 * IMAGE_BYTES] = {0, 0, 8, 3,    0, 0, 0, (uint8_t)count,
                                            0, 0, 0, SIDE, 0, 0, 0, SIDE};
    for (uint32_t i = 0; i < count * IMAGE_BYTES; i++) {
        bytes[16 + i] = (uint8_t)((uint32_t)first_pixel + i);
    }
    scratch_write(folder, name, bytes, 16 + count * IMAGE_BYTES);
}

static void write_labels(const char *folder, const char *name, uint32_t count, int last) {
    uint8_t bytes[8 + 16] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)count};
    for (uint32_t i = 0; i < count; i++) {
        bytes[8 + i] = (uint8_t)(i + 1 == count ? (uint32_t)last : i % 10);
    }
    scratch_write(folder, name, bytes, 8 + count);
}

// Six images for training (pixels from 0 up, the last label is 9), three for evaluation.
static int setup(void **state) {
    if (scratch_setup(state) != 0) {
        return -1;
    }
    write_images(*state, "train-images-idx3-ubyte", 6, 0);
    write_labels(*state, "train-labels-idx1-ubyte", 6, 9);
    write_images(*state, "t10k-images-idx3-ubyte", 3, 100);
    write_labels(*state, "t10k-labels-idx1-ubyte", 3, 2);
    return 0;
}

static od_data_spec spec_of(const char *name, const char *root) {
    od_data_spec spec = {0};
    snprintf(spec.dataset, sizeof spec.dataset, "%s", name);
    snprintf(spec.root, sizeof spec.root, "%s", root);
    return spec;
}

static void splits_come_from_their_files(void **state) {
    od_data_spec spec = spec_of("fashion-mnist", *state);
    od_dataset *train, *eval;
    assert_int_equal(od_dataset_open(&spec, OD_SPLIT_TRAIN, &train, NULL), OD_OK);
    assert_int_equal(od_dataset_open(&spec, OD_SPLIT_EVAL, &eval, NULL), OD_OK);
    assert_int_equal(train->count, 6);
    assert_int_equal(train->height, SIDE);
    assert_int_equal(train->width, SIDE);
    assert_int_equal(train->channels, 1);
    assert_int_equal(train->classes, 10);
    assert_int_equal(train->pixels[6 * IMAGE_BYTES - 1], (6 * IMAGE_BYTES - 1) & 255);
    assert_int_equal(train->labels[4], 4);
    assert_int_equal(train->labels[5], 9);
    assert_int_equal(eval->count, 3);
    assert_int_equal(eval->pixels[0], 100);
    assert_int_equal(eval->labels[2], 2);
    od_dataset_free(train);
    od_dataset_free(eval);
}

static void a_limit_keeps_the_first(void **state) {
    od_data_spec spec = spec_of("mnist", *state);
    od_dataset *dataset;
    spec.limit_train = 2;
    spec.limit_eval = 100;
    assert_int_equal(od_dataset_open(&spec, OD_SPLIT_TRAIN, &dataset, NULL), OD_OK);
    assert_int_equal(dataset->count, 2);
    assert_int_equal(dataset->labels[1], 1);
    assert_int_equal(dataset->pixels[2 * IMAGE_BYTES - 1], (2 * IMAGE_BYTES - 1) & 255);
    od_dataset_free(dataset);
    assert_int_equal(od_dataset_open(&spec, OD_SPLIT_EVAL, &dataset, NULL), OD_OK);
    assert_int_equal(dataset->count, 3);
    od_dataset_free(dataset);
}

static void measure(const od_data_spec *spec, od_split split, od_status expected, int64_t count,
                    const char *part) {
    od_dataset_size size = {0};
    od_error error = {0};
    od_status status = od_dataset_measure(spec, split, &size, &error);
    if (status != expected || strstr(error.text, part) == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, error.text, expected, part);
    }
    assert_int_equal(size.bytes, count * (IMAGE_BYTES + 4));
    assert_true(status != OD_OK || size.count == count);
}

static void measuring_needs_no_pixels(void **state) {
    od_data_spec spec = spec_of("mnist", *state);
    measure(&spec, OD_SPLIT_TRAIN, OD_OK, 6, "");
    spec.limit_train = 4;
    measure(&spec, OD_SPLIT_TRAIN, OD_OK, 4, "");
    measure(&spec, OD_SPLIT_EVAL, OD_OK, 3, "");
    write_labels(*state, "t10k-labels-idx1-ubyte", 2, 2);
    measure(&spec, OD_SPLIT_EVAL, OD_E_CORRUPT, 0, "has 2 labels, but ");
    write_labels(*state, "t10k-labels-idx1-ubyte", 3, 10);
    measure(&spec, OD_SPLIT_EVAL, OD_E_CORRUPT, 0, "label 2 is 10; the largest is 9");
    scratch_write(*state, "t10k-images-idx3-ubyte", "\0\0\10\3\0\0", 6);
    measure(&spec, OD_SPLIT_EVAL, OD_E_CORRUPT, 0, "the file ends within the IDX header");
    write_images(*state, "t10k-images-idx3-ubyte", 0, 0);
    measure(&spec, OD_SPLIT_EVAL, OD_E_CORRUPT, 0, "has no images");
    char path[SCRATCH_PATH_BYTES];
    remove(scratch_path(path, *state, "t10k-images-idx3-ubyte"));
    measure(&spec, OD_SPLIT_EVAL, OD_E_NOT_FOUND, 0, "is not there");
}

static void expect(const od_data_spec *spec, od_status expected, const char *part) {
    od_dataset *dataset = NULL;
    od_error error = {0};
    od_status status = od_dataset_open(spec, OD_SPLIT_TRAIN, &dataset, &error);
    if (status != expected || strstr(error.text, part) == NULL) {
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", status, error.text, expected, part);
    }
    assert_null(dataset);
}

static void the_pair_must_fit(void **state) {
    od_data_spec spec = spec_of("mnist", *state);
    write_labels(*state, "train-labels-idx1-ubyte", 5, 4);
    expect(&spec, OD_E_CORRUPT, "train-labels-idx1-ubyte has 5 labels, but ");
    expect(&spec, OD_E_CORRUPT, "train-images-idx3-ubyte has 6 images");
    write_labels(*state, "train-labels-idx1-ubyte", 6, 10);
    expect(&spec, OD_E_CORRUPT, "train-labels-idx1-ubyte: label 5 is 10; the largest is 9");
    write_images(*state, "train-images-idx3-ubyte", 0, 0);
    write_labels(*state, "train-labels-idx1-ubyte", 0, 0);
    expect(&spec, OD_E_CORRUPT, "train-images-idx3-ubyte has no images");
}

static void a_fault_beyond_the_limit_is_still_one(void **state) {
    od_data_spec spec = spec_of("mnist", *state);
    spec.limit_train = 2;
    write_labels(*state, "train-labels-idx1-ubyte", 6, 10);
    expect(&spec, OD_E_CORRUPT, "label 5 is 10");
}

static void faults_of_one_file_are_handed_up(void **state) {
    char path[SCRATCH_PATH_BYTES];
    od_data_spec spec = spec_of("mnist", *state);
    scratch_write(*state, "train-images-idx3-ubyte", "", 0);
    expect(&spec, OD_E_CORRUPT, "train-images-idx3-ubyte: the file ends within the IDX header");
    remove(scratch_path(path, *state, "train-images-idx3-ubyte"));
    expect(&spec, OD_E_NOT_FOUND, "train-images-idx3-ubyte(.gz) is not there");
    spec = spec_of("cifar", *state);
    expect(&spec, OD_E_INVALID, "there is no data set \"cifar\"");
}

static void debians_fashion_mnist_is_read_whole(void **state) {
    (void)state;
    char root[OD_DATASETS_PATH_BYTES];
    if (od_datasets_locate("fashion-mnist", NULL, root, NULL) != OD_OK) {
        skip();
    }
    od_data_spec spec = spec_of("fashion-mnist", root);
    od_dataset *train;
    measure(&spec, OD_SPLIT_TRAIN, OD_OK, 60000, "");
    assert_int_equal(od_dataset_open(&spec, OD_SPLIT_TRAIN, &train, NULL), OD_OK);
    assert_int_equal(train->count, 60000);
    // The normalisation's mean is that of these very pixels, and the classes are balanced.
    int64_t sum = 0, classes[10] = {0};
    for (int64_t i = 0; i < train->count * IMAGE_BYTES; i++) {
        sum += train->pixels[i];
    }
    for (int64_t i = 0; i < train->count; i++) {
        classes[train->labels[i]]++;
    }
    double mean = (double)sum / 255 / (60000.0 * IMAGE_BYTES);
    assert_true(mean > 0.2860 - 0.0001 && mean < 0.2860 + 0.0001);
    for (int c = 0; c < 10; c++) {
        assert_int_equal(classes[c], 6000);
    }
    od_dataset_free(train);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(splits_come_from_their_files),
        IN_SCRATCH(a_limit_keeps_the_first),
        IN_SCRATCH(measuring_needs_no_pixels),
        IN_SCRATCH(the_pair_must_fit),
        IN_SCRATCH(a_fault_beyond_the_limit_is_still_one),
        IN_SCRATCH(faults_of_one_file_are_handed_up),
        cmocka_unit_test(debians_fashion_mnist_is_read_whole),
    };
    return cmocka_run_group_tests_name("core/data/dataset", tests, NULL, NULL);
}
