// SPDX-License-Identifier: Apache-2.0
// core/train/trainer_state.c: what is saved comes back bit by bit, a resumed run ends with the bits
// of one that never stopped, and a state that does not fit changes nothing.
#include "tests/unit/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct saved {
    od_tensor_list model, optimizer;
    int64_t step;
} saved;

static saved save(const od_trainer *trainer) {
    saved s = {.step = od_trainer_step_count(trainer)};
    assert_int_equal(od_trainer_model(trainer, &s.model, NULL), OD_OK);
    assert_int_equal(od_trainer_optimizer(trainer, &s.optimizer, NULL), OD_OK);
    return s;
}

static void saved_fini(saved *s) {
    od_trainer_tensors_fini(&s->model);
    od_trainer_tensors_fini(&s->optimizer);
}

static void load(od_trainer *trainer, const saved *s) {
    assert_int_equal(od_trainer_load_model(trainer, s->model.tensors, s->model.count, NULL), OD_OK);
    assert_int_equal(
        od_trainer_load_optimizer(trainer, s->optimizer.tensors, s->optimizer.count, s->step, NULL),
        OD_OK);
}

static void assert_same_state(const od_trainer *left, const od_trainer *right) {
    saved a = save(left), b = save(right);
    tiny_assert_same_tensors(&a.model, &b.model);
    tiny_assert_same_tensors(&a.optimizer, &b.optimizer);
    assert_int_equal(a.step, b.step);
    saved_fini(&a);
    saved_fini(&b);
}

// Stops after `stop` of 15 steps, 5 an epoch.
static void check_resume(const od_spec *spec, const char *backend, int stop) {
    od_trainer *whole = tiny_trainer(spec, backend), *first = tiny_trainer(spec, backend);
    const int steps = (int)od_trainer_plan_borrow(whole)->steps;
    tiny_steps(whole, steps);
    tiny_steps(first, stop);
    saved s = save(first);
    od_trainer_free(first);
    od_spec other_start = *spec; // the loaded weights must replace those of the start
    od_trainer *second = tiny_trainer(&other_start, backend);
    load(second, &s);
    const od_step_result last = tiny_steps(second, steps - stop);
    assert_int_equal(last.step, steps);
    assert_same_state(whole, second);
    saved_fini(&s);
    od_trainer_free(whole);
    od_trainer_free(second);
}

static void resumed_runs_end_with_the_same_bits(void **state) {
    (void)state;
    static const od_optimizer_type types[] = {OD_OPTIMIZER_ADAM, OD_OPTIMIZER_ADAMW,
                                              OD_OPTIMIZER_SGD};
    static const int stops[] = {0, 1, 5, 8, 14};
    for (size_t type = 0; type < 3; type++) {
        for (size_t stop = 0; stop < 5; stop++) {
            od_spec spec = tiny_spec();
            spec.train.optimizer.type = types[type];
            spec.train.optimizer.weight_decay = 0.01;
            spec.train.schedule.type = OD_SCHEDULE_COS;
            spec.train.schedule.warmup_epochs = 0.5;
            spec.train.grad_clip = 1;
            check_resume(&spec, "ref", stops[stop]);
        }
    }
}

static void resumed_groups_end_with_the_same_bits(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.grad_accumulate_steps = 2; // 6 steps an epoch, the last one short
    check_resume(&spec, "ref", 5);
    check_resume(&spec, "ref", 9);
}

static void resumed_runs_on_cpu_end_with_the_same_bits(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    check_resume(&spec, "cpu", 8);
    spec.train.precision = OD_PRECISION_BF16;
    check_resume(&spec, "cpu", 8);
}

// All that is drawn in a run, and a pattern.
static od_spec drawn_spec(void) {
    od_spec spec = tiny_spec();
    spec.model.drop_path = 0.2F;
    spec.model.mlp_dropout = 0.2F;
    spec.residual.pattern = OD_PATTERN_REZERO_CONSTRAINED;
    spec.residual.perturbation = 0.1F;
    spec.residual.is_drawn = true;
    spec.residual.probability = 0.5F;
    spec.train.grad_accumulate_steps = 2;
    return spec;
}

static void resumed_runs_draw_the_same(void **state) {
    (void)state;
    const od_spec spec = drawn_spec();
    check_resume(&spec, "ref", 5);
    check_resume(&spec, "cpu", 9);
}

// Evaluation depends on the step alone, so one of a checkpoint gives what the run itself had.
static void evaluation_of_a_checkpoint_is_that_of_the_run(void **state) {
    (void)state;
    const od_spec spec = drawn_spec();
    od_trainer *run = tiny_trainer(&spec, "cpu"), *later = tiny_trainer(&spec, "cpu");
    od_eval_result before, after, again;
    tiny_steps(run, 7);
    assert_int_equal(od_trainer_evaluate(run, &before, NULL), OD_OK);
    saved s = save(run);
    load(later, &s);
    assert_int_equal(od_trainer_evaluate(later, &after, NULL), OD_OK);
    assert_true(before.loss == after.loss);
    s.step = 8; // other noise, and maybe other connections
    load(later, &s);
    assert_int_equal(od_trainer_evaluate(later, &again, NULL), OD_OK);
    assert_true(before.loss != again.loss);
    saved_fini(&s);
    od_trainer_free(run);
    od_trainer_free(later);
}

static void resumed_mixed_runs_end_with_the_same_bits(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.data.augment = true;
    spec.data.random_erase = 0.5;
    spec.data.mixup = (od_mixup_spec){true, 0.8, 1, 0.9, 0.5};
    check_resume(&spec, "ref", 7);
    spec.train.grad_accumulate_steps = 2;
    check_resume(&spec, "cpu", 8);
}

static void names_are_the_parameters(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    saved s = save(trainer);
    assert_int_equal(s.model.count, 4 + 2 * 9 + 4);
    assert_int_equal(s.optimizer.count, 2 * (4 + 2 * 8 + 4)); // buffers have no state
    assert_string_equal(s.model.tensors[0].name, "cls_token");
    assert_string_equal(s.model.tensors[4].name, "blocks.0.residual_eps");
    assert_true(*(const float *)s.model.tensors[4].data == 1e-6F);
    assert_string_equal(s.optimizer.tensors[0].name, "adam.m.cls_token");
    assert_string_equal(s.optimizer.tensors[24].name, "adam.v.cls_token");
    assert_string_equal(s.optimizer.tensors[47].name, "adam.v.classifier.1.bias");
    saved_fini(&s);
    od_trainer_free(trainer);
    spec.train.optimizer.type = OD_OPTIMIZER_SGD;
    trainer = tiny_trainer(&spec, "ref");
    s = save(trainer);
    assert_int_equal(s.optimizer.count, 24);
    assert_string_equal(s.optimizer.tensors[0].name, "sgd.v.cls_token");
    saved_fini(&s);
    od_trainer_free(trainer);
}

static void order_does_not_matter(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *left = tiny_trainer(&spec, "ref"), *right = tiny_trainer(&spec, "ref");
    tiny_steps(left, 3);
    saved s = save(left);
    const od_named_tensor first = s.model.tensors[0];
    s.model.tensors[0] = s.model.tensors[s.model.count - 1];
    s.model.tensors[s.model.count - 1] = first;
    load(right, &s);
    assert_same_state(left, right);
    saved_fini(&s);
    od_trainer_free(left);
    od_trainer_free(right);
}

static void expect_refusal(od_trainer *trainer, const saved *s, const char *text) {
    saved before = save(trainer);
    od_error error = {0};
    assert_int_equal(od_trainer_load_model(trainer, s->model.tensors, s->model.count, &error),
                     OD_E_INVALID);
    if (strstr(error.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
    }
    saved after = save(trainer);
    tiny_assert_same_tensors(&before.model, &after.model);
    saved_fini(&before);
    saved_fini(&after);
}

static void models_that_do_not_fit_change_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *source = tiny_trainer(&spec, "ref"), *trainer = tiny_trainer(&spec, "ref");
    tiny_steps(source, 2);
    saved s = save(source);
    od_named_tensor *last = &s.model.tensors[s.model.count - 1];

    s.model.count--;
    expect_refusal(trainer, &s, "classifier.1.bias is missing");
    s.model.count++;
    last->shape[0] = 5;
    expect_refusal(trainer, &s, "classifier.1.bias has shape [5]; this model has [4]");
    last->shape[0] = 4;
    last->rank = 2;
    last->shape[1] = 1;
    expect_refusal(trainer, &s, "has shape [4, 1]");
    last->rank = 1;
    last->dtype = OD_I64;
    expect_refusal(trainer, &s, "classifier.1.bias is not float32");
    last->dtype = OD_F32;
    float *eps = s.model.tensors[4].data;
    *eps = 1e-3F;
    expect_refusal(trainer, &s, "blocks.0.residual_eps is 0.001; this run has 1e-06");
    *eps = 1e-6F;

    od_named_tensor *longer = calloc(s.model.count + 1, sizeof *longer);
    assert_non_null(longer);
    memcpy(longer, s.model.tensors, s.model.count * sizeof *longer);
    longer[s.model.count] = longer[2];
    free(s.model.tensors);
    s.model.tensors = longer;
    s.model.count++;
    expect_refusal(trainer, &s, "patchify.weight is unexpected"); // a second time
    snprintf(longer[s.model.count - 1].name, sizeof longer->name, "reg_token");
    expect_refusal(trainer, &s, "reg_token is unexpected");

    saved_fini(&s);
    od_trainer_free(source);
    od_trainer_free(trainer);
}

static void optimizer_states_that_do_not_fit_change_nothing(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *source = tiny_trainer(&spec, "ref"), *trainer = tiny_trainer(&spec, "ref");
    tiny_steps(source, 2);
    saved s = save(source), before = save(trainer);
    od_error error = {0};
    const struct {
        size_t count;
        int64_t step;
        const char *text;
    } cases[] = {{s.optimizer.count - 1, 2, "adam.v.classifier.1.bias is missing"},
                 {s.optimizer.count, 16, "step is 16; this run has 0 to 15"},
                 {s.optimizer.count, -1, "step is -1"}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(od_trainer_load_optimizer(trainer, s.optimizer.tensors, cases[i].count,
                                                   cases[i].step, &error),
                         OD_E_INVALID);
        assert_non_null(strstr(error.text, cases[i].text));
    }
    saved after = save(trainer);
    tiny_assert_same_tensors(&before.optimizer, &after.optimizer);
    assert_int_equal(after.step, 0);
    saved_fini(&s);
    saved_fini(&before);
    saved_fini(&after);
    od_trainer_free(source);
    od_trainer_free(trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_runs_end_with_the_same_bits),
        cmocka_unit_test(resumed_groups_end_with_the_same_bits),
        cmocka_unit_test(resumed_runs_on_cpu_end_with_the_same_bits),
        cmocka_unit_test(resumed_runs_draw_the_same),
        cmocka_unit_test(evaluation_of_a_checkpoint_is_that_of_the_run),
        cmocka_unit_test(resumed_mixed_runs_end_with_the_same_bits),
        cmocka_unit_test(names_are_the_parameters),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(models_that_do_not_fit_change_nothing),
        cmocka_unit_test(optimizer_states_that_do_not_fit_change_nothing),
    };
    return cmocka_run_group_tests_name("trainer_state", tests, NULL, NULL);
}
