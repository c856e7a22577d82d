// SPDX-License-Identifier: Apache-2.0
// core/train/schedule.c against the formulas of its header, worked out by hand.
#include "core/train/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { EPOCHS = 10, PER_EPOCH = 100 };
static const double LR = 0.01;

static void expect(const od_schedule_spec *schedule, int64_t step, double factor) {
    const double is = od_schedule_factor(schedule, LR, EPOCHS, PER_EPOCH, step);
    if (fabs(is - factor) > 1e-12) {
        fail_msg("step %d: factor is %.15f and should be %.15f", (int)step, is, factor);
    }
}

static od_schedule_spec make(od_schedule_type type, double warmup_epochs) {
    return (od_schedule_spec){.type = type, .warmup_epochs = warmup_epochs, .min_lr = -1};
}

static void warmup_is_linear_from_zero(void **state) {
    (void)state;
    const od_schedule_type types[] = {OD_SCHEDULE_COS, OD_SCHEDULE_LIN, OD_SCHEDULE_CONST,
                                      OD_SCHEDULE_STEP};
    for (size_t i = 0; i < 4; i++) {
        const od_schedule_spec schedule = make(types[i], 2);
        expect(&schedule, 0, 0);
        expect(&schedule, 1, 1.0 / 200);
        expect(&schedule, 199, 199.0 / 200);
        expect(&schedule, 200, 1);
    }
}

static void warmup_may_be_a_fraction(void **state) {
    (void)state;
    const od_schedule_spec schedule = make(OD_SCHEDULE_LIN, 0.025); // 2.5 steps
    expect(&schedule, 1, 1 / 2.5);
    expect(&schedule, 2, 2 / 2.5);
    expect(&schedule, 3, 1 - 0.5 / 997.5);
}

static void no_warmup_starts_at_one(void **state) {
    (void)state;
    const od_schedule_spec schedule = make(OD_SCHEDULE_COS, 0);
    expect(&schedule, 0, 1);
}

static void cosine_falls_to_zero(void **state) {
    (void)state;
    const od_schedule_spec schedule = make(OD_SCHEDULE_COS, 2);
    expect(&schedule, 400, 0.5 * (1 + sqrt(0.5))); // a quarter of the way: cos 45 degrees
    expect(&schedule, 600, 0.5);
    expect(&schedule, 1000, 0);
    expect(&schedule, 1100, 0);
}

static void linear_falls_to_zero(void **state) {
    (void)state;
    const od_schedule_spec schedule = make(OD_SCHEDULE_LIN, 2);
    expect(&schedule, 400, 0.75);
    expect(&schedule, 999, 1.0 / 800);
    expect(&schedule, 1000, 0);
    expect(&schedule, 1100, 0);
}

static void constant_stays(void **state) {
    (void)state;
    const od_schedule_spec schedule = make(OD_SCHEDULE_CONST, 0);
    expect(&schedule, 0, 1);
    expect(&schedule, 999, 1);
}

static void stairs_go_down(void **state) {
    (void)state;
    od_schedule_spec schedule = make(OD_SCHEDULE_STEP, 1);
    schedule.decay_ratio = 0.2;
    schedule.decay_count = 2;
    schedule.decay_epochs[0] = 7; // in any order
    schedule.decay_epochs[1] = 4;
    expect(&schedule, 50, 0.5);
    expect(&schedule, 100, 1);
    expect(&schedule, 399, 1);
    expect(&schedule, 400, 0.2);
    expect(&schedule, 699, 0.2);
    expect(&schedule, 700, 0.04);
    schedule.warmup_const = true;
    expect(&schedule, 0, 0.1);
    expect(&schedule, 99, 0.1);
    expect(&schedule, 100, 1);
}

static void only_stairs_have_a_flat_warmup(void **state) {
    (void)state;
    od_schedule_spec schedule = make(OD_SCHEDULE_COS, 1);
    schedule.warmup_const = true;
    expect(&schedule, 50, 0.5);
}

static void min_lr_lifts_the_end(void **state) {
    (void)state;
    od_schedule_spec schedule = make(OD_SCHEDULE_COS, 2);
    schedule.min_lr = LR / 10;
    expect(&schedule, 100, 0.5); // not during warm-up
    expect(&schedule, 200, 1);
    expect(&schedule, 600, 0.1 + 0.9 * 0.5);
    expect(&schedule, 1000, 0.1);
    schedule.min_lr = 0;
    expect(&schedule, 1000, 0);
    schedule.min_lr = 5 * LR; // never above lr
    expect(&schedule, 600, 1);
}

static void longer_warmup_than_the_run(void **state) {
    (void)state;
    const od_schedule_spec schedule = make(OD_SCHEDULE_COS, 20);
    expect(&schedule, 999, 999.0 / 2000);
    expect(&schedule, 2000, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warmup_is_linear_from_zero),
        cmocka_unit_test(warmup_may_be_a_fraction),
        cmocka_unit_test(no_warmup_starts_at_one),
        cmocka_unit_test(cosine_falls_to_zero),
        cmocka_unit_test(linear_falls_to_zero),
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(stairs_go_down),
        cmocka_unit_test(only_stairs_have_a_flat_warmup),
        cmocka_unit_test(min_lr_lifts_the_end),
        cmocka_unit_test(longer_warmup_than_the_run),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
