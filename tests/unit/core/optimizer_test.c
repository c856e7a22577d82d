// SPDX-License-Identifier: Apache-2.0
// core/train/optimizer.c: what the spec says reaches the kernels. They have tests of their own.
#include "core/train/optimizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static od_adam_options adam_seen;
static od_sgd_options sgd_seen;
static float p[1], m[1], v[1], g[1];

static void fake_adam(od_device *device, float *parameters, float *first, float *second,
                      const float *gradients, int64_t count, const od_adam_options *options) {
    (void)device;
    assert_ptr_equal(parameters, p);
    assert_ptr_equal(first, m);
    assert_ptr_equal(second, v);
    assert_ptr_equal(gradients, g);
    assert_int_equal(count, 1);
    adam_seen = *options;
}

static void fake_sgd(od_device *device, float *parameters, float *velocity, const float *gradients,
                     int64_t count, const od_sgd_options *options) {
    (void)device;
    assert_ptr_equal(parameters, p);
    assert_ptr_equal(velocity, m);
    assert_ptr_equal(gradients, g);
    assert_int_equal(count, 1);
    sgd_seen = *options;
}

static const od_backend fake = {.adam = fake_adam, .sgd = fake_sgd};

static void update(od_optimizer_type type, int64_t step) {
    const od_optimizer_spec spec = {.type = type,
                                    .lr = 1,
                                    .weight_decay = 0.25,
                                    .beta1 = 0.5,
                                    .beta2 = 0.75,
                                    .momentum = 0.875};
    const od_optimizer_update now = {.backend = &fake,
                                     .parameters = p,
                                     .states = {m, v},
                                     .gradients = g,
                                     .count = 1,
                                     .step = step,
                                     .lr = 0.125};
    od_optimizer_of(type)->update(&spec, &now);
}

static void adam_gets_its_options(void **state) {
    (void)state;
    const od_optimizer_type types[] = {OD_OPTIMIZER_ADAM, OD_OPTIMIZER_ADAMW};
    for (int i = 0; i < 2; i++) {
        update(types[i], 9);
        assert_true(adam_seen.lr == 0.125); // of this step, not of the spec
        assert_true(adam_seen.beta1 == 0.5 && adam_seen.beta2 == 0.75);
        assert_true(adam_seen.eps == 1e-8 && adam_seen.weight_decay == 0.25);
        assert_int_equal(adam_seen.decoupled, i == 1);
        assert_int_equal(adam_seen.step, 9);
        assert_int_equal(od_optimizer_of(types[i])->state_count, 2);
    }
}

static void sgd_gets_its_options(void **state) {
    (void)state;
    for (int64_t step = 1; step < 3; step++) {
        update(OD_OPTIMIZER_SGD, step);
        assert_true(sgd_seen.lr == 0.125 && sgd_seen.momentum == 0.875);
        assert_true(sgd_seen.weight_decay == 0.25);
        assert_int_equal(sgd_seen.first, step == 1);
    }
    assert_int_equal(od_optimizer_of(OD_OPTIMIZER_SGD)->state_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_gets_its_options),
        cmocka_unit_test(sgd_gets_its_options),
    };
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
