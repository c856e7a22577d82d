// SPDX-License-Identifier: Apache-2.0
// core/data/transform.c: what depends on what. The values are tests/parity/pixels_test.c's.
#include "core/data/transform.h"

#include "core/rng/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 16, VALUES = SIDE * SIDE * 3 };

typedef struct rig {
    od_transform *transform;
    od_transform_scratch *scratch;
} rig;

static od_spec spec_of(const char *dataset, const char *arch) {
    od_spec spec = {.model = {.image_size = SIDE, .channels = 3},
                    .data = {.std = {1, 1, 1},
                             .augment = true,
                             .randaugment_n = 2,
                             .randaugment_m = 9,
                             .random_erase = 0.5}};
    snprintf(spec.model.arch, sizeof spec.model.arch, "%s", arch);
    snprintf(spec.data.dataset, sizeof spec.data.dataset, "%s", dataset);
    return spec;
}

static rig rig_of(const od_spec *spec, od_split split) {
    rig r = {0};
    assert_int_equal(od_transform_new(spec, split, &r.transform, NULL), OD_OK);
    assert_int_equal(od_transform_scratch_new(r.transform, &r.scratch, NULL), OD_OK);
    return r;
}

static void rig_free(rig *r) {
    od_transform_scratch_free(r->scratch);
    od_transform_free(r->transform);
}

static od_image noise(int64_t width, int64_t height) {
    od_image image = {0};
    od_philox stream;
    assert_int_equal(od_image_resize(&image, width, height, 3, NULL), OD_OK);
    od_philox_init(&stream, 1, OD_PURPOSE_AUGMENT, 0, 0);
    for (size_t i = 0; i < od_image_bytes(&image); i++) {
        image.pixels[i] = (uint8_t)od_philox_next(&stream);
    }
    return image;
}

static void apply(rig *r, const od_image *image, uint64_t seed, int64_t epoch, int64_t sample,
                  float *out) {
    assert_int_equal(
        od_transform_apply(r->transform, r->scratch, image, seed, epoch, sample, out, NULL), OD_OK);
}

static void draws_depend_on_seed_epoch_and_sample_alone(void **state) {
    (void)state;
    const od_spec spec = spec_of("imagenet1k", "vit");
    rig r = rig_of(&spec, OD_SPLIT_TRAIN), fresh = rig_of(&spec, OD_SPLIT_TRAIN);
    od_image image = noise(40, 30), before = noise(40, 30), small = noise(17, 18);
    float first[VALUES], again[VALUES], other[VALUES];
    apply(&r, &image, 1, 2, 3, first);
    apply(&fresh, &small, 9, 9, 9, again); // another history
    apply(&fresh, &image, 1, 2, 3, again);
    assert_memory_equal(first, again, sizeof first);
    const int64_t others[][3] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}};
    for (int i = 0; i < 3; i++) {
        apply(&r, &image, (uint64_t)others[i][0], others[i][1], others[i][2], other);
        assert_memory_not_equal(first, other, sizeof first);
    }
    assert_memory_equal(image.pixels, before.pixels, od_image_bytes(&image));
    od_image_fini(&image);
    od_image_fini(&before);
    od_image_fini(&small);
    rig_free(&r);
    rig_free(&fresh);
}

// Evaluation, and training with augment "none", see the image itself, whatever else the spec says.
static void none_is_what_evaluation_does(void **state) {
    (void)state;
    static const char *const datasets[] = {"cifar10", "tiny-imagenet", "imagenet1k", "mnist"};
    od_image image = noise(SIDE, SIDE);
    for (int i = 0; i < 4; i++) {
        od_spec spec = spec_of(datasets[i], "vit");
        float values[VALUES];
        rig eval = rig_of(&spec, OD_SPLIT_EVAL);
        spec.data.augment = false;
        rig train = rig_of(&spec, OD_SPLIT_TRAIN);
        rig *const rigs[] = {&eval, &train};
        for (int64_t sample = 0; sample < 20; sample++) {
            apply(rigs[sample % 2], &image, 1, 0, sample, values);
            for (int v = 0; v < VALUES; v++) {
                assert_true(values[v] == (float)image.pixels[v] / 255);
            }
        }
        rig_free(&eval);
        rig_free(&train);
    }
    od_image_fini(&image);
}

static void half_of_the_images_are_flipped(void **state) {
    (void)state;
    const od_spec spec = spec_of("cifar10", "resnet18");
    rig r = rig_of(&spec, OD_SPLIT_TRAIN);
    od_image image = noise(SIDE, SIDE);
    for (int y = 0; y < SIDE; y++) { // left black, right white
        memset(image.pixels + y * SIDE * 3, 0, SIDE / 2 * 3);
        memset(image.pixels + y * SIDE * 3 + SIDE / 2 * 3, 255, SIDE / 2 * 3);
    }
    int flipped = 0;
    for (int64_t sample = 0; sample < 2000; sample++) {
        float values[VALUES];
        apply(&r, &image, 1, 0, sample, values);
        flipped += values[SIDE / 2 * 3 - 1 - 4 * 3] > values[(SIDE - 4) * 3];
    }
    assert_in_range(flipped, 1000 - 130, 1000 + 130); // standard deviation 22
    od_image_fini(&image);
    rig_free(&r);
}

static void crops_hint_at_the_size_they_need(void **state) {
    (void)state;
    const od_spec spec = spec_of("imagenet1k", "resnet50");
    rig train = rig_of(&spec, OD_SPLIT_TRAIN), eval = rig_of(&spec, OD_SPLIT_EVAL);
    // A crop has 0.7 to 1 of the area and a ratio within 4/3: sides of 0.72 to 1 of the square's.
    for (int64_t sample = 0; sample < 200; sample++) {
        assert_int_equal(od_transform_hint(train.transform, SIDE, SIDE, 1, 0, sample), 1);
        assert_int_equal(od_transform_hint(train.transform, 3 * SIDE, 3 * SIDE, 1, 0, sample), 2);
        assert_int_equal(od_transform_hint(train.transform, 7 * SIDE, 7 * SIDE, 1, 0, sample), 4);
        assert_int_equal(od_transform_hint(train.transform, 99 * SIDE, 99 * SIDE, 1, 0, sample), 8);
        assert_int_equal(od_transform_hint(train.transform, 1, 1, 1, 0, sample), 1);
        assert_int_equal(od_transform_hint(eval.transform, 99 * SIDE, 99 * SIDE, 1, 0, sample), 1);
    }
    rig_free(&train);
    rig_free(&eval);
}

static void extreme_shapes_pass(void **state) {
    (void)state;
    static const int64_t sizes[][2] = {{1, 1}, {1, 500}, {500, 1}, {2, 3}, {1000, 7}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const od_spec spec = spec_of("imagenet1k", "vit");
        rig train = rig_of(&spec, OD_SPLIT_TRAIN), eval = rig_of(&spec, OD_SPLIT_EVAL);
        od_image image = noise(sizes[i][0], sizes[i][1]);
        float values[VALUES];
        for (int64_t sample = 0; sample < 20; sample++) {
            apply(&train, &image, 1, 0, sample, values);
        }
        apply(&eval, &image, 1, 0, 0, values);
        od_image_fini(&image);
        rig_free(&train);
        rig_free(&eval);
    }
}

static void images_that_do_not_fit_are_refused(void **state) {
    (void)state;
    od_spec spec = spec_of("cifar100", "vit");
    rig r = rig_of(&spec, OD_SPLIT_TRAIN);
    od_image image = noise(SIDE, SIDE + 1);
    od_error error = {0};
    float values[VALUES];
    assert_int_equal(od_transform_apply(r.transform, r.scratch, &image, 1, 0, 0, values, &error),
                     OD_E_INVALID);
    assert_string_equal(error.text, "an image of 16 x 17; this data set's have 16 x 16");
    image.channels = 1;
    assert_int_equal(od_transform_apply(r.transform, r.scratch, &image, 1, 0, 0, values, &error),
                     OD_E_INVALID);
    assert_string_equal(error.text, "an image of 1 channels; the model takes 3");
    od_image_fini(&image);
    rig_free(&r);
    od_transform *transform = NULL;
    spec.model.channels = 2;
    assert_int_equal(od_transform_new(&spec, OD_SPLIT_TRAIN, &transform, &error), OD_E_INVALID);
    assert_null(transform);
}

static void the_digest_is_the_stream(void **state) {
    (void)state;
    uint32_t words[4], others[4];
    od_philox stream;
    od_transform_digest(7, 2, 5, words);
    od_philox_init(&stream, 7, OD_PURPOSE_AUGMENT, 2, 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(words[i], od_philox_next(&stream));
    }
    od_transform_digest(7, 2, 6, others);
    assert_memory_not_equal(words, others, sizeof words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_depend_on_seed_epoch_and_sample_alone),
        cmocka_unit_test(none_is_what_evaluation_does),
        cmocka_unit_test(half_of_the_images_are_flipped),
        cmocka_unit_test(crops_hint_at_the_size_they_need),
        cmocka_unit_test(extreme_shapes_pass),
        cmocka_unit_test(images_that_do_not_fit_are_refused),
        cmocka_unit_test(the_digest_is_the_stream),
    };
    return cmocka_run_group_tests_name("core/data/transform", tests, NULL, NULL);
}
