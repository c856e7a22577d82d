// SPDX-License-Identifier: Apache-2.0
// A training step and an evaluation allocate nothing once things are warm. The linker sends every
// allocation of our own code here (see core.mk); libraries keep theirs.
#include "tests/unit/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void *__wrap_malloc(size_t size) {
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    allocations++;
    return __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size) {
    allocations++;
    return __real_posix_memalign(out, alignment, size);
}

static void check(od_spec spec, const char *backend) {
    spec.train.grad_clip = 1;
    allocations = 0;
    od_trainer *trainer = tiny_trainer(&spec, backend);
    assert_true(allocations > 10); // or the count counts nothing
    od_step_result result;
    od_eval_result eval;
    for (int step = 0; step < 2; step++) {
        assert_int_equal(od_trainer_step(trainer, true, true, &result, NULL), OD_OK);
    }
    assert_int_equal(od_trainer_evaluate(trainer, &eval, NULL), OD_OK);
    allocations = 0;
    while (od_trainer_step_count(trainer) < od_trainer_plan_borrow(trainer)->steps) {
        assert_int_equal(od_trainer_step(trainer, true, true, &result, NULL), OD_OK);
        if (result.epoch_ended) {
            assert_int_equal(od_trainer_evaluate(trainer, &eval, NULL), OD_OK);
        }
    }
    assert_int_equal(allocations, 0);
    od_trainer_free(trainer);
}

static void steps_on_ref_allocate_nothing(void **state) {
    (void)state;
    check(tiny_spec(), "ref");
}

static void steps_on_cpu_allocate_nothing(void **state) {
    (void)state;
    check(tiny_spec(), "cpu");
}

static void steps_of_a_resnet_allocate_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_resnet_spec();
    spec.train.epochs = 2;
    check(spec, "cpu");
}

static void drawn_steps_allocate_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.model.drop_path = 0.1F;
    spec.model.mlp_dropout = 0.1F;
    spec.residual.perturbation = 0.1F;
    spec.residual.pattern = OD_PATTERN_REZERO;
    spec.residual.is_drawn = true;
    spec.residual.probability = 0.5F;
    check(spec, "ref");
    check(spec, "cpu");
}

static void steps_with_a_scaled_stream_allocate_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_resnet_spec();
    spec.train.epochs = 1;
    spec.residual.pattern = OD_PATTERN_RESCALE_CONV;
    spec.residual.global = true;
    check(spec, "cpu");
}

static void mixed_steps_allocate_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.data.augment = true;
    spec.data.random_erase = 0.5;
    spec.data.mixup = (od_mixup_spec){true, 0.8, 1, 0.9, 0.5};
    check(spec, "cpu");
}

static void steps_in_bf16_allocate_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.precision = OD_PRECISION_BF16;
    check(spec, "cpu");
    spec = tiny_resnet_spec();
    spec.train.epochs = 2;
    spec.train.precision = OD_PRECISION_BF16;
    check(spec, "cpu");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_on_ref_allocate_nothing),
        cmocka_unit_test(steps_on_cpu_allocate_nothing),
        cmocka_unit_test(steps_of_a_resnet_allocate_nothing),
        cmocka_unit_test(drawn_steps_allocate_nothing),
        cmocka_unit_test(steps_with_a_scaled_stream_allocate_nothing),
        cmocka_unit_test(mixed_steps_allocate_nothing),
        cmocka_unit_test(steps_in_bf16_allocate_nothing),
    };
    return cmocka_run_group_tests_name("trainer_alloc", tests, NULL, NULL);
}
