// SPDX-License-Identifier: Apache-2.0
// core/data/draw.c: ranges, frequencies and fallbacks of what augmentation draws.
#include "core/data/draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 20000 };

static od_philox stream_of(uint64_t index) {
    od_philox stream;
    od_philox_init(&stream, 5, OD_PURPOSE_AUGMENT, 0, index);
    return stream;
}

static void between_is_uniform(void **state) {
    (void)state;
    od_philox stream = stream_of(0);
    int bins[10] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const float value = od_draw_between(&stream, -0.1F, 0.4F);
        assert_true(value >= -0.1F && value < 0.4F);
        bins[(int)((value + 0.1F) / 0.05F) % 10]++;
    }
    for (int i = 0; i < 10; i++) { // standard deviation 42
        assert_in_range(bins[i], DRAWS / 10 - 250, DRAWS / 10 + 250);
    }
}

// In an image so large that every attempt fits and rounding does not matter.
static void crops_have_their_area_and_ratio(void **state) {
    (void)state;
    double area_sum = 0, log_sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        od_philox stream = stream_of((uint64_t)i);
        const od_pixel_box box = od_draw_resized_crop(&stream, 4000, 4000, 0.08F);
        assert_true(box.top >= 0 && box.top + box.height <= 4000);
        assert_true(box.left >= 0 && box.left + box.width <= 4000);
        const double area = (double)(box.width * box.height) / 16e6;
        const double ratio = (double)box.width / (double)box.height;
        assert_true(area > 0.0799 && area < 1);
        assert_true(ratio > 0.749 && ratio < 1.331);
        area_sum += area;
        log_sum += log(ratio);
    }
    // Large areas fit less often than small ones: 0.478, by a simulation of the same draws in Python.
    assert_true(fabs(area_sum / DRAWS - 0.478) < 0.008);
    assert_true(fabs(log_sum / DRAWS) < 0.005);
}

static void crops_reach_all_corners(void **state) {
    (void)state;
    bool seen[4] = {false};
    for (int i = 0; i < 1000; i++) {
        od_philox stream = stream_of((uint64_t)i);
        const od_pixel_box box = od_draw_resized_crop(&stream, 9, 9, 0.5F);
        seen[0] |= box.top == 0 && box.left == 0;
        seen[1] |= box.top == 9 - box.height && box.top > 0;
        seen[2] |= box.left == 9 - box.width && box.left > 0;
        seen[3] |= box.width != box.height;
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

static void no_fit_means_the_middle(void **state) {
    (void)state;
    const struct {
        int64_t width, height;
        od_pixel_box want; // top, left, height, width
    } cases[] = {
        {100, 10, {0, 43, 10, 13}},
        {10, 100, {43, 0, 13, 10}},
        {1000, 1, {0, 499, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint64_t sample = 0; sample < 50; sample++) {
            od_philox stream = stream_of(sample);
            const od_pixel_box box =
                od_draw_resized_crop(&stream, cases[i].width, cases[i].height, 0.8F);
            assert_memory_equal(&box, &cases[i].want, sizeof box);
        }
    }
}

static void erasing_has_its_probability_area_and_ratio(void **state) {
    (void)state;
    int erased = 0;
    double area_sum = 0, log_sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        od_philox stream = stream_of((uint64_t)i);
        od_pixel_box box;
        if (!od_draw_erasing(&stream, 1000, 0.25, &box)) {
            continue;
        }
        assert_true(box.top >= 0 && box.top + box.height <= 1000);
        assert_true(box.left >= 0 && box.left + box.width <= 1000);
        const double area = (double)(box.width * box.height) / 1e6;
        const double ratio = (double)box.height / (double)box.width;
        assert_true(area > 0.0195 && area < 0.3305);
        assert_true(ratio > 0.297 && ratio < 3.33);
        erased++;
        area_sum += area;
        log_sum += log(ratio);
    }
    assert_in_range(erased, DRAWS / 4 - 370, DRAWS / 4 + 370); // standard deviation 61
    assert_true(fabs(area_sum / erased - 0.175) < 0.01);
    assert_true(fabs(log_sum / erased) < 0.06);
}

static void nothing_is_erased_at_0_and_something_at_1(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        od_philox stream = stream_of(i);
        od_pixel_box box;
        assert_false(od_draw_erasing(&stream, 28, 0, &box));
        assert_true(od_draw_erasing(&stream, 28, 1, &box));
        assert_true(box.width < 28 && box.height < 28);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_is_uniform),
        cmocka_unit_test(crops_have_their_area_and_ratio),
        cmocka_unit_test(crops_reach_all_corners),
        cmocka_unit_test(no_fit_means_the_middle),
        cmocka_unit_test(erasing_has_its_probability_area_and_ratio),
        cmocka_unit_test(nothing_is_erased_at_0_and_something_at_1),
    };
    return cmocka_run_group_tests_name("core/data/draw", tests, NULL, NULL);
}
