// SPDX-License-Identifier: Apache-2.0
// core/rng/philox.c: the published known answers of Philox4x32-10, streams that do not meet, and
// distributions whose bounds are six standard errors wide (the draws are fixed: no luck involved).
#include "core/rng/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        od_philox_block(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].expected, sizeof out);
    }
}

static void stream_is_the_blocks_in_order(void **state) {
    (void)state;
    od_philox stream;
    od_philox_init(&stream, 0, OD_PURPOSE_INIT, 7, 9);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t counter[4], expected[4];
        memcpy(counter, stream.counter, sizeof counter);
        counter[0] = block;
        od_philox_block(counter, stream.key, expected);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(od_philox_next(&stream), expected[i]);
        }
    }
}

static void every_part_of_the_name_counts(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        od_purpose purpose;
        uint32_t epoch;
        uint64_t index;
    } names[] = {
        {1, OD_PURPOSE_INIT, 0, 0},          {1ull << 32, OD_PURPOSE_INIT, 0, 0},
        {0, OD_PURPOSE_SHUFFLE, 0, 0},       {0, OD_PURPOSE_CONNECT, 0, 0},
        {0, OD_PURPOSE_INIT, 1, 0},          {0, OD_PURPOSE_INIT, 0, 1},
        {0, OD_PURPOSE_INIT, 0, 1ull << 32}, {0, OD_PURPOSE_INIT, 0, 0},
    };
    enum { NAMES = sizeof names / sizeof names[0] };
    uint32_t first[NAMES];
    for (int i = 0; i < NAMES; i++) {
        od_philox stream;
        od_philox_init(&stream, names[i].seed, names[i].purpose, names[i].epoch, names[i].index);
        first[i] = od_philox_next(&stream);
        for (int j = 0; j < i; j++) {
            assert_int_not_equal(first[i], first[j]);
        }
    }
}

static void a_copy_keeps_the_position(void **state) {
    (void)state;
    od_philox a;
    od_philox_init(&a, 3, OD_PURPOSE_AUGMENT, 1, 2);
    od_philox_next(&a);
    od_philox b = a;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(od_philox_next(&a), od_philox_next(&b));
    }
}

enum { DRAWS = 1 << 20 };

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%.9g is not within %.3g of %.9g", value, tolerance, expected);
    }
}

static void uniform_fills_the_unit_interval(void **state) {
    (void)state;
    od_philox stream;
    od_philox_init(&stream, 42, OD_PURPOSE_INIT, 0, 0);
    enum { CELLS = 64 };
    int cells[CELLS] = {0};
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        float value = od_philox_uniform(&stream);
        assert_true(value >= 0.0f && value < 1.0f);
        assert_true(value * 0x1p24f == floorf(value * 0x1p24f));
        cells[(int)(value * CELLS)]++;
        sum += value;
        squares += (double)value * value;
    }
    assert_near(sum / DRAWS, 0.5, 6 * sqrt(1.0 / 12 / DRAWS));
    assert_near(squares / DRAWS, 1.0 / 3, 6 * sqrt(4.0 / 45 / DRAWS));
    double chi2 = 0;
    for (int i = 0; i < CELLS; i++) {
        double difference = cells[i] - (double)DRAWS / CELLS;
        chi2 += difference * difference / ((double)DRAWS / CELLS);
    }
    assert_near(chi2, CELLS - 1, 6 * sqrt(2.0 * (CELLS - 1)));
}

static void normal_has_the_moments_of_a_normal(void **state) {
    (void)state;
    od_philox stream;
    od_philox_init(&stream, 42, OD_PURPOSE_INIT, 0, 1);
    double power[5] = {0};
    int within_one = 0, beyond_three = 0;
    for (int i = 0; i < DRAWS; i++) {
        double value = od_philox_normal(&stream);
        assert_true(isfinite(value));
        within_one += fabs(value) < 1;
        beyond_three += fabs(value) > 3;
        double term = value;
        for (int p = 1; p <= 4; p++, term *= value) {
            power[p] += term;
        }
    }
    // The variance of x^p is E[x^2p] - E[x^p]^2: 1, 2, 15, 96.
    assert_near(power[1] / DRAWS, 0, 6 * sqrt(1.0 / DRAWS));
    assert_near(power[2] / DRAWS, 1, 6 * sqrt(2.0 / DRAWS));
    assert_near(power[3] / DRAWS, 0, 6 * sqrt(15.0 / DRAWS));
    assert_near(power[4] / DRAWS, 3, 6 * sqrt(96.0 / DRAWS));
    assert_near((double)within_one / DRAWS, 0.682689492, 6 * sqrt(0.2166 / DRAWS));
    assert_near((double)beyond_three / DRAWS, 0.002699796, 6 * sqrt(0.002693 / DRAWS));
}

static void below_is_flat_also_where_two_words_do_not_divide(void **state) {
    (void)state;
    od_philox stream;
    od_philox_init(&stream, 42, OD_PURPOSE_SHUFFLE, 0, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(od_philox_below(&stream, 1), 0);
    }
    int thirds[3] = {0};
    // 3 * 2^30: without rejection multiples of three would come twice as often as the others.
    uint32_t large = 3u << 30;
    int residues[3] = {0};
    for (int i = 0; i < DRAWS; i++) {
        thirds[od_philox_below(&stream, 3)]++;
        uint32_t value = od_philox_below(&stream, large);
        assert_true(value < large);
        residues[value % 3]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_near((double)thirds[i] / DRAWS, 1.0 / 3, 6 * sqrt(2.0 / 9 / DRAWS));
        assert_near((double)residues[i] / DRAWS, 1.0 / 3, 6 * sqrt(2.0 / 9 / DRAWS));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(stream_is_the_blocks_in_order),
        cmocka_unit_test(every_part_of_the_name_counts),
        cmocka_unit_test(a_copy_keeps_the_position),
        cmocka_unit_test(uniform_fills_the_unit_interval),
        cmocka_unit_test(normal_has_the_moments_of_a_normal),
        cmocka_unit_test(below_is_flat_also_where_two_words_do_not_divide),
    };
    return cmocka_run_group_tests_name("core/rng/philox", tests, NULL, NULL);
}
