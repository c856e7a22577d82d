// SPDX-License-Identifier: Apache-2.0
// Against a published count, and against counts of a Python program that went through all patterns
// of itertools.product with math.fsum (exact), or drew them with a Philox of its own (drawn).
#include "base/sign_flip.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 150 };

static void expect_p(const double *values, size_t count, double expected) {
    double p = -1;
    assert_true(od_sign_flip(values, count, &p));
    if (p != expected) {
        fail_msg("p of %zu values is %.17g, not %.17g", count, p, expected);
    }
}

// value i is (7 i mod modulus - shift) / 10: both signs, many ties, nothing in order.
static void fill(double *values, size_t count, int modulus, int shift) {
    for (size_t i = 0; i < count; i++) {
        values[i] = ((int)(7 * i) % modulus - shift) / 10.0;
    }
}

// Darwin's heights of crossed and self-fertilised maize, in eighths of an inch. Fisher ("The Design
// of Experiments", section 21): of 32,768 arrangements 863 have a sum of 314 or more, 28 of them
// exactly 314.
static void published_example(void **state) {
    (void)state;
    static const double darwin[] = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
    expect_p(darwin, 15, 2 * 863 / 32768.0);
}

static void exact_counts(void **state) {
    (void)state;
    static const double accuracies[] = {0.004, 0.006, -0.001, 0.003, 0.005};
    static const double tenths[] = {0.1, 0.2, 0.3};
    double sixteen[OD_SIGN_FLIP_EXACT_MAX];
    fill(sixteen, OD_SIGN_FLIP_EXACT_MAX, 16, 4);
    expect_p(accuracies, 5, 0.125);
    expect_p(tenths, 3, 0.25);
    expect_p(sixteen, OD_SIGN_FLIP_EXACT_MAX, 868 / 65536.0);
}

static void drawn_counts(void **state) {
    (void)state;
    double seventeen[OD_SIGN_FLIP_EXACT_MAX + 1];
    double many[MANY]; // more than one block of signs a draw
    fill(seventeen, OD_SIGN_FLIP_EXACT_MAX + 1, 17, 5);
    fill(many, MANY, 31, 14);
    expect_p(seventeen, OD_SIGN_FLIP_EXACT_MAX + 1, 2005 / 65537.0); // of all patterns 0.03128
    expect_p(many, MANY, 12652 / 65537.0);
}

// 0.1 + 0.2 - 0.3 is not 0 in binary: equal sums must not be told apart by rounding.
static void rounding_makes_no_difference(void **state) {
    (void)state;
    static const double balanced[] = {0.1, 0.2, -0.3};
    static const double scaled[] = {1e-9, 2e-9, -3e-9};
    static const double ties[] = {0.7, 0.1, 0.3, 0.1};
    expect_p(balanced, 3, 1);
    expect_p(scaled, 3, 1);
    expect_p(ties, 4, 2 / 16.0);
}

static void edges(void **state) {
    (void)state;
    static const double zeros[] = {0, 0, 0};
    static const double not_finite[] = {1, (double)NAN, 2};
    static const double infinite[] = {1, (double)INFINITY};
    static const double one = -3;
    double p = -1;
    expect_p(&one, 1, 1);
    expect_p(zeros, 3, 1);
    assert_false(od_sign_flip(NULL, 0, &p));
    assert_false(od_sign_flip(not_finite, 3, &p));
    assert_false(od_sign_flip(infinite, 2, &p));
    assert_true(p == -1);
}

// Fourteen differences of one size and one sign: two of all patterns. Forty: no draw but the one
// that was seen.
static void least_p(void **state) {
    (void)state;
    double values[40];
    for (size_t i = 0; i < 40; i++) {
        values[i] = -0.25;
    }
    expect_p(values, 14, 2 / 16384.0);
    expect_p(values, 40, 1 / 65537.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_example),
        cmocka_unit_test(exact_counts),
        cmocka_unit_test(drawn_counts),
        cmocka_unit_test(rounding_makes_no_difference),
        cmocka_unit_test(edges),
        cmocka_unit_test(least_p),
    };
    return cmocka_run_group_tests_name("sign_flip", tests, NULL, NULL);
}
