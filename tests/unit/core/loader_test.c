// SPDX-License-Identifier: Apache-2.0
// core/data/loader.c: batches depend on (seed, epoch, batch) alone, every sample comes once an
// epoch, and pixels are what the transform makes of them.
#include "core/data/loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 23, SIDE = 2, BATCH = 5 };

static uint8_t pixels[COUNT * SIDE * SIDE * 3];
static int32_t labels_of_all[COUNT];
static const float MEAN[3] = {0.5f, 0.25f, 0.125f}, STD[3] = {0.5f, 2.0f, 1.0f};
static od_transform *transforms[4]; // by channels
static int64_t values;              // of an image, of the loader made last

// Sample i has the label i, so that labels tell the order.
static od_dataset small(int64_t channels) {
    for (int i = 0; i < COUNT; i++) {
        labels_of_all[i] = i;
    }
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 7);
    }
    return (od_dataset){.count = COUNT,
                        .height = SIDE,
                        .width = SIDE,
                        .channels = channels,
                        .classes = COUNT,
                        .pixels = pixels,
                        .labels = labels_of_all};
}

static od_transform *transform_of(int64_t channels) {
    od_spec spec = {.model = {.image_size = SIDE, .channels = channels}};
    od_transform *transform = NULL;
    memcpy(spec.data.mean, MEAN, sizeof MEAN);
    memcpy(spec.data.std, STD, sizeof STD);
    assert_int_equal(od_transform_new(&spec, OD_SPLIT_TRAIN, &transform, NULL), OD_OK);
    return transform;
}

static int make_transforms(void **state) {
    (void)state;
    transforms[1] = transform_of(1);
    transforms[3] = transform_of(3);
    return 0;
}

static int free_transforms(void **state) {
    (void)state;
    od_transform_free(transforms[1]);
    od_transform_free(transforms[3]);
    return 0;
}

static int64_t fill(od_loader *loader, int64_t epoch, int64_t batch, float *images,
                    int32_t *labels) {
    od_batch taken;
    assert_int_equal(od_loader_take(loader, epoch, batch, &taken, NULL), OD_OK);
    assert_int_equal(taken.skipped, 0);
    memcpy(labels, taken.labels, (size_t)taken.count * sizeof *labels);
    memcpy(images, taken.images, (size_t)(taken.count * values) * sizeof *images);
    return taken.count;
}

static od_loader *make(const od_dataset *dataset, bool shuffle, bool drop_last, uint64_t seed) {
    const od_loader_options options = {
        .batch_size = BATCH, .shuffle = shuffle, .drop_last = drop_last, .seed = seed};
    od_loader *loader = NULL;
    values = od_transform_values(transforms[dataset->channels]);
    assert_int_equal(od_loader_new(dataset, transforms[dataset->channels], &options, &loader, NULL),
                     OD_OK);
    return loader;
}

// The labels of a whole epoch in order; returns how many.
static int epoch_of(od_loader *loader, int64_t epoch, int32_t *labels) {
    float images[BATCH * SIDE * SIDE * 3];
    int64_t count = 0;
    for (int64_t batch = 0; batch < od_loader_batches(loader); batch++) {
        count += fill(loader, epoch, batch, images, labels + count);
    }
    return (int)count;
}

static void last_batch_is_dropped_or_kept(void **state) {
    (void)state;
    od_dataset dataset = small(1);
    int32_t labels[COUNT + BATCH];
    od_loader *dropping = make(&dataset, false, true, 0);
    assert_int_equal(od_loader_batches(dropping), COUNT / BATCH);
    assert_int_equal(epoch_of(dropping, 0, labels), COUNT / BATCH * BATCH);
    od_loader *keeping = make(&dataset, false, false, 0);
    assert_int_equal(od_loader_batches(keeping), COUNT / BATCH + 1);
    assert_int_equal(epoch_of(keeping, 0, labels), COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(labels[i], i); // not shuffled: file order
    }
    od_loader_free(dropping);
    od_loader_free(keeping);
    od_loader_free(NULL);
}

static void shuffled_epochs_are_permutations_of_their_own(void **state) {
    (void)state;
    od_dataset dataset = small(1);
    od_loader *loader = make(&dataset, true, false, 7);
    int32_t epochs[3][COUNT];
    for (int epoch = 0; epoch < 3; epoch++) {
        bool seen[COUNT] = {false};
        assert_int_equal(epoch_of(loader, epoch, epochs[epoch]), COUNT);
        for (int i = 0; i < COUNT; i++) {
            assert_false(seen[epochs[epoch][i]]);
            seen[epochs[epoch][i]] = true;
        }
        for (int before = 0; before < epoch; before++) {
            assert_memory_not_equal(epochs[epoch], epochs[before], sizeof epochs[0]);
        }
    }
    od_loader_free(loader);
}

static void order_depends_on_seed_and_epoch_alone(void **state) {
    (void)state;
    od_dataset dataset = small(1);
    od_loader *a = make(&dataset, true, false, 7);
    od_loader *b = make(&dataset, true, false, 7);
    od_loader *other = make(&dataset, true, false, 8);
    int32_t first[COUNT], again[COUNT], different[COUNT];
    epoch_of(a, 5, first);
    epoch_of(b, 2, again); // another way to the same epoch
    epoch_of(b, 5, again);
    assert_memory_equal(first, again, sizeof first);
    epoch_of(other, 5, different);
    assert_memory_not_equal(first, different, sizeof first);
    // One batch alone, asked for out of order.
    float images[BATCH * SIDE * SIDE];
    int32_t labels[BATCH];
    fill(b, 5, 2, images, labels);
    assert_memory_equal(labels, first + 2 * BATCH, sizeof labels);
    od_loader_free(a);
    od_loader_free(b);
    od_loader_free(other);
}

static void every_sample_can_stand_everywhere(void **state) {
    (void)state;
    od_dataset dataset = small(1);
    od_loader *loader = make(&dataset, true, false, 1);
    enum { EPOCHS = 4600 };
    int32_t labels[COUNT] = {0};
    static int places[COUNT][COUNT];
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        epoch_of(loader, epoch, labels);
        for (int i = 0; i < COUNT; i++) {
            places[i][labels[i]]++;
        }
    }
    // 200 expected each, standard deviation 14; no place is 6 of them away.
    for (int i = 0; i < COUNT * COUNT; i++) {
        assert_in_range(places[i / COUNT][i % COUNT], 200 - 84, 200 + 84);
    }
    od_loader_free(loader);
}

static void pixels_are_normalised_per_channel(void **state) {
    (void)state;
    od_dataset dataset = small(3);
    od_loader *loader = make(&dataset, true, false, 3);
    float images[BATCH * SIDE * SIDE * 3];
    int32_t labels[BATCH];
    assert_int_equal(fill(loader, 0, 1, images, labels), BATCH);
    for (int i = 0; i < BATCH; i++) {
        for (int p = 0; p < SIDE * SIDE * 3; p++) {
            int c = p % 3;
            double value = pixels[labels[i] * SIDE * SIDE * 3 + p] / 255.0;
            double expected = (value - (double)MEAN[c]) / (double)STD[c];
            double difference = (double)images[i * SIDE * SIDE * 3 + p] - expected;
            assert_true(difference < 1e-6 && difference > -1e-6);
        }
    }
    od_loader_free(loader);
}

static void a_transform_that_fails_is_reported(void **state) {
    (void)state;
    od_dataset dataset = small(1);
    od_loader *loader = make(&dataset, false, false, 0);
    od_batch batch;
    od_error error = {0};
    dataset.channels = 3;
    assert_int_equal(od_loader_take(loader, 0, 0, &batch, &error), OD_E_INVALID);
    assert_string_equal(error.text, "an image of 3 channels; the model takes 1");
    od_loader_free(loader);
}

static void nothing_to_batch_is_refused(void **state) {
    (void)state;
    od_dataset dataset = small(1);
    od_loader *loader = NULL;
    od_loader_options options = {.batch_size = 0};
    assert_int_equal(od_loader_new(&dataset, transforms[1], &options, &loader, NULL), OD_E_INVALID);
    options.batch_size = 1;
    dataset.count = 0;
    assert_int_equal(od_loader_new(&dataset, transforms[1], &options, &loader, NULL), OD_E_INVALID);
    assert_null(loader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_batch_is_dropped_or_kept),
        cmocka_unit_test(shuffled_epochs_are_permutations_of_their_own),
        cmocka_unit_test(order_depends_on_seed_and_epoch_alone),
        cmocka_unit_test(every_sample_can_stand_everywhere),
        cmocka_unit_test(pixels_are_normalised_per_channel),
        cmocka_unit_test(a_transform_that_fails_is_reported),
        cmocka_unit_test(nothing_to_batch_is_refused),
    };
    return cmocka_run_group_tests_name("core/data/loader", tests, make_transforms, free_transforms);
}
