// SPDX-License-Identifier: Apache-2.0
// core/data/randaugment.c and jitter.c: how often what is drawn. What the operations do to pixels
// is tests/parity/pixels_test.c's.
#include "core/data/jitter.h"
#include "core/data/randaugment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 24, DRAWS = 14000 };

static od_philox stream_of(uint64_t index) {
    od_philox stream;
    od_philox_init(&stream, 6, OD_PURPOSE_AUGMENT, 1, index);
    return stream;
}

static void fill(od_image *image) {
    assert_int_equal(od_image_resize(image, SIDE, SIDE, 3, NULL), OD_OK);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        image->pixels[i] = (uint8_t)(40 + i * 7 % 150);
    }
}

// One operation at a time; the result tells which one it was, and with which sign.
static void all_operations_and_signs_are_drawn_alike(void **state) {
    (void)state;
    od_image results[OD_RANDAUGMENT_OPS][2] = {0}, image = {0}, spare = {0};
    int counts[OD_RANDAUGMENT_OPS][2] = {0};
    fill(&spare);
    for (int op = 0; op < OD_RANDAUGMENT_OPS; op++) {
        const od_randaugment_op *row = &od_randaugment_ops[op];
        for (int sign = 0; sign <= row->has_sign; sign++) {
            const float size = row->magnitude != NULL ? row->magnitude(20, SIDE) : 0;
            fill(&results[op][sign]);
            row->apply(&results[op][sign], &spare, sign == 1 ? -size : size);
        }
    }
    for (uint64_t i = 0; i < DRAWS; i++) {
        od_philox stream = stream_of(i);
        bool found = false;
        fill(&image);
        od_randaugment_apply(&image, &spare, 1, 20, &stream);
        for (int op = 0; op < OD_RANDAUGMENT_OPS && !found; op++) {
            for (int sign = 0; sign <= od_randaugment_ops[op].has_sign && !found; sign++) {
                found = memcmp(image.pixels, results[op][sign].pixels, SIDE * SIDE * 3) == 0;
                counts[op][sign] += found;
            }
        }
        assert_true(found);
    }
    for (int op = 0; op < OD_RANDAUGMENT_OPS; op++) { // standard deviations 30 and 22
        assert_in_range(counts[op][0] + counts[op][1], 1000 - 180, 1000 + 180);
        if (od_randaugment_ops[op].has_sign) {
            assert_in_range(counts[op][0], 500 - 130, 500 + 130);
        }
        od_image_fini(&results[op][0]);
        od_image_fini(&results[op][1]);
    }
    od_image_fini(&image);
    od_image_fini(&spare);
}

static void n_operations_follow_each_other(void **state) {
    (void)state;
    od_image image = {0}, again = {0}, spare = {0};
    fill(&spare);
    for (uint64_t i = 0; i < 50; i++) {
        od_philox all = stream_of(i), single = stream_of(i);
        fill(&image);
        fill(&again);
        od_randaugment_apply(&image, &spare, 9, 5, &all);
        for (int n = 0; n < 9; n++) {
            od_randaugment_apply(&again, &spare, 1, 5, &single);
        }
        assert_memory_equal(image.pixels, again.pixels, SIDE * SIDE * 3);
        od_randaugment_apply(&again, &spare, 0, 5, &single);
        assert_memory_equal(image.pixels, again.pixels, SIDE * SIDE * 3);
    }
    od_image_fini(&image);
    od_image_fini(&again);
    od_image_fini(&spare);
}

static void jitter_draws_all_orders_and_factors_in_range(void **state) {
    (void)state;
    int first[OD_JITTER_OPS][OD_JITTER_OPS] = {0}; // [place][operation]
    double sums[OD_JITTER_OPS] = {0};
    enum { JITTERS = 8000 };
    for (uint64_t i = 0; i < JITTERS; i++) {
        od_philox stream = stream_of(i);
        const od_jitter drawn = od_jitter_draw(&stream);
        int seen = 0;
        for (int op = 0; op < OD_JITTER_OPS; op++) {
            const float middle = op == 3 ? 0 : 1, width = op == 3 ? 0.1F : 0.4F;
            assert_true(fabsf(drawn.factors[op] - middle) <= width + 1e-6F);
            sums[op] += (double)((drawn.factors[op] - middle) / width);
            seen |= 1 << drawn.order[op];
            first[op][drawn.order[op]]++;
        }
        assert_int_equal(seen, 15);
    }
    for (int op = 0; op < OD_JITTER_OPS; op++) {
        assert_true(fabs(sums[op] / JITTERS) < 0.035); // standard deviation 0.0065
        for (int place = 0; place < OD_JITTER_OPS; place++) {
            assert_in_range(first[place][op], 2000 - 230, 2000 + 230);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_operations_and_signs_are_drawn_alike),
        cmocka_unit_test(n_operations_follow_each_other),
        cmocka_unit_test(jitter_draws_all_orders_and_factors_in_range),
    };
    return cmocka_run_group_tests_name("core/data/randaugment", tests, NULL, NULL);
}
