// SPDX-License-Identifier: Apache-2.0
// Against printed tables of Student's t distribution, and against the two cases with a closed form.
#include "base/student.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%.17g is not within %g of %.17g", value, tolerance, expected);
    }
}

// Columns 0.90, 0.95, 0.975, 0.99, 0.995, 0.9995 of the table that statistics books print.
static void quantiles_agree_with_printed_tables(void **state) {
    (void)state;
    static const double probabilities[] = {0.90, 0.95, 0.975, 0.99, 0.995, 0.9995};
    static const struct {
        double degrees;
        double quantiles[6];
    } table[] = {
        {1, {3.078, 6.314, 12.706, 31.821, 63.657, 636.619}},
        {2, {1.886, 2.920, 4.303, 6.965, 9.925, 31.599}},
        {3, {1.638, 2.353, 3.182, 4.541, 5.841, 12.924}},
        {4, {1.533, 2.132, 2.776, 3.747, 4.604, 8.610}},
        {5, {1.476, 2.015, 2.571, 3.365, 4.032, 6.869}},
        {9, {1.383, 1.833, 2.262, 2.821, 3.250, 4.781}},
        {10, {1.372, 1.812, 2.228, 2.764, 3.169, 4.587}},
        {30, {1.310, 1.697, 2.042, 2.457, 2.750, 3.646}},
        {60, {1.296, 1.671, 2.000, 2.390, 2.660, 3.460}},
        {120, {1.289, 1.658, 1.980, 2.358, 2.617, 3.373}},
        {1000, {1.282, 1.646, 1.962, 2.330, 2.581, 3.300}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t k = 0; k < 6; k++) {
            double value = od_student_quantile(probabilities[k], table[i].degrees);
            expect_near(value, table[i].quantiles[k], 0.00051);
            expect_near(od_student_quantile(1 - probabilities[k], table[i].degrees), -value,
                        1e-11 * value);
        }
    }
    expect_near(od_student_quantile(0.975, 1), 12.7062, 0.00005);
    expect_near(od_student_quantile(0.975, 2), 4.30265, 0.000005);
    expect_near(od_student_quantile(0.975, 9), 2.26216, 0.000005);
    expect_near(od_student_quantile(0.975, 30), 2.04227, 0.000005);
    expect_near(od_student_quantile(0.975, 1000), 1.96234, 0.000005);
    // Many degrees: the normal quantile z and the first term of Abramowitz and Stegun 26.7.5.
    const double z = 1.959963984540054;
    expect_near(od_student_quantile(0.975, 1e5), z + (z * z * z + z) / 4e5, 1e-9);
}

// One degree of freedom is the Cauchy distribution; for two, t = (2p - 1) / sqrt(2 p (1 - p)).
static void quantiles_agree_with_closed_forms(void **state) {
    (void)state;
    const double pi = acos(-1);
    for (int i = 1; i < 1000; i++) {
        double p = i / 1000.0;
        double cauchy = tan(pi * (p - 0.5));
        double two = (2 * p - 1) / sqrt(2 * p * (1 - p));
        expect_near(od_student_quantile(p, 1), cauchy, 1e-11 * (1 + fabs(cauchy)));
        expect_near(od_student_quantile(p, 2), two, 1e-11 * (1 + fabs(two)));
    }
    expect_near(od_student_quantile(1e-9, 1) / -tan(pi * (0.5 - 1e-9)), 1, 1e-7);
    assert_true(od_student_quantile(0.5, 7) == 0);
}

static void quantile_inverts_the_distribution(void **state) {
    (void)state;
    static const double degrees[] = {0.5, 1, 2.5, 7, 40, 500};
    for (size_t d = 0; d < sizeof degrees / sizeof *degrees; d++) {
        for (int i = 1; i < 200; i++) {
            double p = i / 200.0;
            expect_near(od_student_cdf(od_student_quantile(p, degrees[d]), degrees[d]), p, 1e-12);
        }
    }
}

static void summary_is_mean_and_sample_deviation(void **state) {
    (void)state;
    // Deviations 1, 1, 1, 1 around 3 with n - 1 = 3; and a shift that must cost no digits.
    static const double values[] = {2, 4, 2, 4};
    static const double shifted[] = {1e9 + 2, 1e9 + 4, 1e9 + 2, 1e9 + 4};
    od_student_summary summary = od_student_summarise(values, 4);
    assert_int_equal(summary.count, 4);
    expect_near(summary.mean, 3, 0);
    expect_near(summary.std, sqrt(4.0 / 3), 1e-15);
    summary = od_student_summarise(shifted, 4);
    expect_near(summary.mean, 1e9 + 3, 0);
    expect_near(summary.std, sqrt(4.0 / 3), 1e-15);
}

static void few_values_have_no_deviation(void **state) {
    (void)state;
    double value = 7;
    double low = -1;
    double high = -2;
    od_student_summary one = od_student_summarise(&value, 1);
    assert_true(one.mean == 7);
    assert_true(isnan(one.std));
    assert_false(od_student_interval(&one, 0.95, &low, &high));
    od_student_summary none = od_student_summarise(NULL, 0);
    assert_int_equal(none.count, 0);
    assert_true(isnan(none.mean) && isnan(none.std));
    assert_false(od_student_interval(&none, 0.95, &low, &high));
    assert_true(low == -1 && high == -2);
}

// By hand from the table: n = 3, t(0.975, 2) = 4.30265; n = 2, t(0.975, 1) = 12.7062.
static void interval_is_mean_with_t_times_standard_error(void **state) {
    (void)state;
    static const double differences[] = {0.001, 0.003, 0.005};
    double low;
    double high;
    od_student_summary summary = od_student_summarise(differences, 3);
    assert_true(od_student_interval(&summary, 0.95, &low, &high));
    double half = 4.30265 * 0.002 / sqrt(3);
    expect_near(low, 0.003 - half, 1e-8);
    expect_near(high, 0.003 + half, 1e-8);
    summary = od_student_summarise(differences, 2);
    assert_true(od_student_interval(&summary, 0.95, &low, &high));
    // std is 0.001 sqrt(2), so that the standard error is 0.001.
    expect_near(high - low, 2 * 12.7062 * 0.001, 1e-7);
    assert_true(od_student_interval(&summary, 0.5, &low, &high));
    // t(0.75, 1) = tan(pi / 4) = 1.
    expect_near(high - low, 0.002, 1e-15);
}

// From the printed table: t(0.975, 6) = 2.447 <= sqrt(7) but t(0.975, 5) = 2.571 > sqrt(6);
// t(0.975, 17) = 2.110 <= sqrt(18) / 2 but t(0.975, 16) = 2.120 > sqrt(17) / 2. For many, with the
// first term of Abramowitz and Stegun 26.7.5: n = (10 z)^2 + (z^2 + 1) z^2 / 2 / z^2 = 386.57.
static void values_needed_for_a_half_width(void **state) {
    (void)state;
    static const struct {
        double std, half_width;
        size_t expected;
    } cases[] = {{1, 1, 7}, {3, 3, 7}, {1, 0.5, 18}, {10, 1, 387}, {0, 1, 2}, {1, 1e6, 2}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(od_student_count_needed(cases[i].std, cases[i].half_width, 0.95, &count));
        assert_int_equal(count, cases[i].expected);
    }
    // The bound is the least that suffices, whatever it is.
    for (int i = 1; i <= 40; i++) {
        double half = 0.05 * i;
        assert_true(od_student_count_needed(1, half, 0.9, &count));
        double n = (double)count;
        assert_true(od_student_quantile(0.95, n - 1) / sqrt(n) <= half);
        assert_true(count == 2 || od_student_quantile(0.95, n - 2) / sqrt(n - 1) > half);
    }
}

static void no_count_is_told_where_there_is_none(void **state) {
    (void)state;
    size_t count = 42;
    assert_false(od_student_count_needed(1, 0.006, 0.95, &count)); // (z / 0.006)^2 = 106,704
    assert_false(od_student_count_needed(1, 1e-300, 0.95, &count));
    assert_false(od_student_count_needed((double)NAN, 1, 0.95, &count));
    assert_false(od_student_count_needed((double)INFINITY, 1, 0.95, &count));
    assert_int_equal(count, 42);
    assert_true(od_student_count_needed(1, 0.0063, 0.95, &count)); // 96,784
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_agree_with_printed_tables),
        cmocka_unit_test(quantiles_agree_with_closed_forms),
        cmocka_unit_test(quantile_inverts_the_distribution),
        cmocka_unit_test(summary_is_mean_and_sample_deviation),
        cmocka_unit_test(few_values_have_no_deviation),
        cmocka_unit_test(interval_is_mean_with_t_times_standard_error),
        cmocka_unit_test(values_needed_for_a_half_width),
        cmocka_unit_test(no_count_is_told_where_there_is_none),
    };
    return cmocka_run_group_tests_name("student", tests, NULL, NULL);
}
