// SPDX-License-Identifier: Apache-2.0
// core/train/trainer.c: a whole model learns; the same spec gives the same bits; every option of
// the step does what trainer.h says.
#include "tests/unit/core/tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static od_tensor_list model_of(const od_trainer *trainer) {
    od_tensor_list list;
    assert_int_equal(od_trainer_model(trainer, &list, NULL), OD_OK);
    return list;
}

static od_tensor_list train(const od_spec *spec, const char *backend, int steps) {
    od_trainer *trainer = tiny_trainer(spec, backend);
    tiny_steps(trainer, steps);
    od_tensor_list list = model_of(trainer);
    od_trainer_free(trainer);
    return list;
}

static bool same_bits(const od_tensor_list *left, const od_tensor_list *right) {
    for (size_t i = 0; i < left->count; i++) {
        const od_named_tensor *a = &left->tensors[i];
        size_t bytes = sizeof(float);
        for (int d = 0; d < a->rank; d++) {
            bytes *= (size_t)a->shape[d];
        }
        if (memcmp(a->data, right->tensors[i].data, bytes) != 0) {
            return false;
        }
    }
    return true;
}

// Largest difference of any value, relative to 1 + |value|.
static double distance(const od_tensor_list *left, const od_tensor_list *right) {
    double most = 0;
    for (size_t i = 0; i < left->count; i++) {
        const od_named_tensor *a = &left->tensors[i];
        const float *x = a->data, *y = right->tensors[i].data;
        int64_t count = 1;
        for (int d = 0; d < a->rank; d++) {
            count *= a->shape[d];
        }
        for (int64_t v = 0; v < count; v++) {
            most = fmax(most, fabs((double)x[v] - (double)y[v]) / (1 + fabs((double)x[v])));
        }
    }
    return most;
}

// The trained weights of two specs after so many steps.
static double distance_of(const od_spec *left, const od_spec *right, int steps) {
    od_tensor_list a = train(left, "ref", steps), b = train(right, "ref", steps);
    const double apart = distance(&a, &b);
    od_trainer_tensors_fini(&a);
    od_trainer_tensors_fini(&b);
    return apart;
}

static void loss_decreases(void **state) {
    (void)state;
    const od_connection connections[] = {OD_CONNECT_LINEAR, OD_CONNECT_NEGATIVE,
                                         OD_CONNECT_ORTHOGONAL};
    for (size_t i = 0; i < 3; i++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = connections[i];
        spec.train.epochs = 12;
        od_trainer *trainer = tiny_trainer(&spec, "ref");
        const double first = tiny_steps(trainer, 1).loss;
        const od_step_result last = tiny_steps(trainer, 59);
        assert_true(first > 0.9 && first < 2.5); // log 4 = 1.39
        assert_true(last.loss < 0.42);           // and not below the entropy of the targets,
        assert_true(last.loss > 0.348);          // -0.925 log 0.925 - 3 * 0.025 log 0.025 = 0.349
        od_eval_result eval;
        assert_int_equal(od_trainer_evaluate(trainer, &eval, NULL), OD_OK);
        assert_true(eval.acc1 == 1);
        assert_true(eval.loss < 0.2);
        od_trainer_free(trainer);
    }
}

// Targets are mixed with the images: the loss of a mixed run cannot fall as low, the evaluation,
// which is not mixed, shows that it learns all the same.
static void mixed_runs_learn_and_have_no_accuracy(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.epochs = 12;
    spec.data.mixup = (od_mixup_spec){true, 0.8, 1, 1, 0.5};
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    assert_true(isnan(tiny_steps(trainer, 1).accuracy));
    const od_step_result last = tiny_steps(trainer, 59);
    assert_true(last.loss > 0.42 && last.loss < 1.3);
    od_eval_result eval;
    assert_int_equal(od_trainer_evaluate(trainer, &eval, NULL), OD_OK);
    assert_true(eval.acc1 >= 0.9);
    od_trainer_free(trainer);
}

static void results_tell_the_position(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    const od_trainer_plan *plan = od_trainer_plan_borrow(trainer);
    assert_int_equal(plan->steps_per_epoch, TINY_TRAIN / TINY_BATCH);
    assert_int_equal(plan->steps, 15);
    for (int step = 1; step <= 15; step++) {
        const od_step_result result = tiny_steps(trainer, 1);
        assert_int_equal(result.step, step);
        assert_int_equal(result.epoch, (step - 1) / 5);
        assert_int_equal(result.epoch_ended, step % 5 == 0);
        assert_int_equal(result.samples, TINY_BATCH);
        assert_true(isnan(result.grad_norm));
        assert_false(result.has_stats);
        assert_true(fabs(result.lr - 3e-3) < 1e-15);
        assert_true(fabs(result.accuracy * TINY_BATCH - round(result.accuracy * TINY_BATCH)) <
                    1e-9);
    }
    od_step_result result;
    od_error error = {0};
    assert_int_equal(od_trainer_step(trainer, false, false, &result, &error), OD_E_CONFLICT);
    assert_non_null(strstr(error.text, "15"));
    od_trainer_free(trainer);
}

static void max_steps_ends_the_run(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.max_steps = 7;
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    assert_int_equal(od_trainer_plan_borrow(trainer)->steps, 7);
    assert_int_equal(tiny_steps(trainer, 7).step, 7);
    od_step_result result;
    assert_int_equal(od_trainer_step(trainer, false, false, &result, NULL), OD_E_CONFLICT);
    od_trainer_free(trainer);
}

static void schedule_gives_the_rate(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.schedule.type = OD_SCHEDULE_COS;
    spec.train.schedule.warmup_epochs = 0.4; // 2 of 15 steps
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    const double lr = spec.train.optimizer.lr;
    od_tensor_list before = model_of(trainer);
    assert_true(tiny_steps(trainer, 1).lr == 0);
    od_tensor_list after = model_of(trainer);
    assert_true(same_bits(&before, &after));
    assert_true(fabs(tiny_steps(trainer, 1).lr - lr / 2) < 1e-12);
    assert_true(fabs(tiny_steps(trainer, 1).lr - lr) < 1e-12);
    assert_true(fabs(tiny_steps(trainer, 1).lr - lr * 0.5 * (1 + cos(M_PI / 13))) < 1e-12);
    od_trainer_tensors_fini(&before);
    od_trainer_tensors_fini(&after);
    od_trainer_free(trainer);
}

static void same_seed_same_bits(void **state) {
    (void)state;
    od_spec spec = tiny_spec(), other = tiny_spec();
    other.train.seed = 8;
    od_tensor_list a = train(&spec, "ref", 7), b = train(&spec, "ref", 7);
    od_tensor_list c = train(&other, "ref", 7);
    assert_true(same_bits(&a, &b));
    assert_false(same_bits(&a, &c));
    od_trainer_tensors_fini(&a);
    od_trainer_tensors_fini(&b);
    od_trainer_tensors_fini(&c);
}

static void same_seed_same_bits_on_cpu(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        od_spec spec = tiny_spec();
        spec.threads = threads;
        od_tensor_list a = train(&spec, "cpu", 7), b = train(&spec, "cpu", 7);
        assert_true(same_bits(&a, &b));
        od_trainer_tensors_fini(&a);
        od_trainer_tensors_fini(&b);
    }
}

static void cpu_trains_like_ref(void **state) {
    (void)state;
    const od_connection connections[] = {OD_CONNECT_LINEAR, OD_CONNECT_NEGATIVE,
                                         OD_CONNECT_ORTHOGONAL};
    for (size_t i = 0; i < 3; i++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = connections[i];
        od_trainer *ref = tiny_trainer(&spec, "ref"), *cpu = tiny_trainer(&spec, "cpu");
        for (int step = 0; step < 15; step++) {
            const double loss = tiny_steps(ref, 1).loss;
            assert_true(fabs(tiny_steps(cpu, 1).loss - loss) < 1e-4 * loss);
        }
        od_eval_result a, b;
        assert_int_equal(od_trainer_evaluate(ref, &a, NULL), OD_OK);
        assert_int_equal(od_trainer_evaluate(cpu, &b, NULL), OD_OK);
        assert_true(fabs(a.loss - b.loss) < 1e-4);
        assert_true(a.acc1 == b.acc1);
        od_trainer_free(ref);
        od_trainer_free(cpu);
    }
}

// The operands that both round are alike but for the last bit of float32. So the first losses are
// the same; later, where that bit has decided which way an operand was rounded, the runs part, but
// by less than either is from float32.
static void bf16_on_cpu_trains_like_bf16_on_ref(void **state) {
    (void)state;
    od_spec spec = tiny_spec(), single = tiny_spec();
    spec.train.precision = OD_PRECISION_BF16;
    spec.threads = 2;
    od_trainer *ref = tiny_trainer(&spec, "ref"), *cpu = tiny_trainer(&spec, "cpu");
    od_trainer *fp32 = tiny_trainer(&single, "ref");
    double apart = 0, rounding = 0;
    for (int step = 0; step < 15; step++) {
        const double loss = tiny_steps(ref, 1).loss;
        apart = fmax(apart, fabs(tiny_steps(cpu, 1).loss - loss) / loss);
        assert_true(step > 1 || apart < 1e-6);
        rounding = fmax(rounding, fabs(tiny_steps(fp32, 1).loss - loss) / loss);
    }
    print_message("bf16: cpu from ref %.2g, from float32 %.2g\n", apart, rounding);
    assert_true(rounding > 1e-4 && rounding < 1e-2);
    assert_true(apart < rounding);
    od_trainer_free(ref);
    od_trainer_free(cpu);
    od_trainer_free(fp32);
}

static void bf16_gives_the_same_bits(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        od_spec spec = tiny_spec();
        spec.threads = threads;
        spec.train.precision = OD_PRECISION_BF16;
        od_tensor_list a = train(&spec, "cpu", 7), b = train(&spec, "cpu", 7);
        assert_true(same_bits(&a, &b));
        od_trainer_tensors_fini(&a);
        od_trainer_tensors_fini(&b);
    }
}

// What is computed a second time is the same, so the weights, running statistics and the
// connections' statistics are.
static void check_checkpointing(const od_spec *plain, const char *backend) {
    od_spec sparing = *plain;
    sparing.train.gradient_checkpointing = true;
    od_trainer *a = tiny_trainer(plain, backend), *b = tiny_trainer(&sparing, backend);
    const od_trainer_plan *whole = od_trainer_plan_borrow(a), *less = od_trainer_plan_borrow(b);
    assert_true(less->activation_bytes < whole->activation_bytes);
    assert_true(less->flops_per_sample == whole->flops_per_sample);
    for (int step = 0; step < 4; step++) {
        od_step_result x, y;
        assert_int_equal(od_trainer_step(a, step == 3, true, &x, NULL), OD_OK);
        assert_int_equal(od_trainer_step(b, step == 3, true, &y, NULL), OD_OK);
        assert_true(x.loss == y.loss && x.grad_norm == y.grad_norm);
    }
    int count;
    const od_connection_stats *left = od_trainer_stats_borrow(a, &count);
    const od_connection_stats *right = od_trainer_stats_borrow(b, &count);
    assert_memory_equal(left, right, (size_t)count * sizeof *left);
    od_tensor_list from_a = model_of(a), from_b = model_of(b);
    tiny_assert_same_tensors(&from_a, &from_b);
    od_trainer_tensors_fini(&from_a);
    od_trainer_tensors_fini(&from_b);
    od_trainer_free(a);
    od_trainer_free(b);
}

static void checkpointing_gives_the_same_bits(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        od_spec spec = tiny_spec();
        spec.model.depth = 3;
        spec.train.grad_accumulate_steps = 2;
        spec.train.grad_clip = 1;
        spec.threads = 2;
        spec.train.precision = (i & 2) != 0 ? OD_PRECISION_BF16 : OD_PRECISION_FP32;
        spec.residual.connection = (i & 4) != 0 ? OD_CONNECT_LINEAR : OD_CONNECT_ORTHOGONAL;
        check_checkpointing(&spec, (i & 1) != 0 ? "cpu" : "ref");
    }
}

static void checkpointing_leaves_running_statistics_alone(void **state) {
    (void)state;
    od_spec spec = tiny_resnet_spec();
    check_checkpointing(&spec, "cpu");
}

static void connections_differ(void **state) {
    (void)state;
    od_spec orthogonal = tiny_spec(), linear = tiny_spec(), none = tiny_spec(), one = tiny_spec();
    linear.residual.connection = OD_CONNECT_LINEAR;
    memset(none.residual.orthogonal_block, 0, sizeof none.residual.orthogonal_block);
    one.residual.orthogonal_block[1] = false;
    assert_true(distance_of(&orthogonal, &linear, 3) > 1e-4);
    assert_true(distance_of(&linear, &none, 3) == 0);
    assert_true(distance_of(&orthogonal, &one, 3) > 1e-5);
    assert_true(distance_of(&linear, &one, 3) > 1e-5);
}

// Two halves with their mean are the whole, but for rounding.
static void accumulation_is_one_batch(void **state) {
    (void)state;
    od_spec whole = tiny_spec(), halves = tiny_spec();
    whole.train.optimizer.type = halves.train.optimizer.type = OD_OPTIMIZER_SGD;
    whole.train.optimizer.lr = halves.train.optimizer.lr = 0.05;
    halves.train.grad_accumulate_steps = 2;
    assert_true(distance_of(&whole, &halves, 5) < 1e-5);
}

// 11 batches of 4 in groups of 2: the sixth group has one batch, whose gradient counts in full.
static void short_last_group_counts_in_full(void **state) {
    (void)state;
    od_spec groups = tiny_spec(), single = tiny_spec();
    groups.train.optimizer.type = single.train.optimizer.type = OD_OPTIMIZER_SGD;
    groups.train.optimizer.momentum = single.train.optimizer.momentum = 0;
    groups.train.grad_accumulate_steps = 2;
    od_trainer *left = tiny_trainer(&groups, "ref");
    assert_int_equal(od_trainer_plan_borrow(left)->steps_per_epoch, 6);
    tiny_steps(left, 5);
    od_tensor_list before = model_of(left);
    const od_step_result last = tiny_steps(left, 1);
    assert_true(last.epoch_ended);
    assert_int_equal(last.samples, 4);
    single.train.batch_size = 4; // step 11 of this run has the same four samples
    od_trainer *right = tiny_trainer(&single, "ref");
    od_tensor_list optimizer;
    assert_int_equal(od_trainer_optimizer(right, &optimizer, NULL), OD_OK);
    assert_int_equal(od_trainer_load_model(right, before.tensors, before.count, NULL), OD_OK);
    assert_int_equal(od_trainer_load_optimizer(right, optimizer.tensors, optimizer.count, 10, NULL),
                     OD_OK);
    tiny_steps(right, 1);
    od_tensor_list a = model_of(left), b = model_of(right);
    assert_true(same_bits(&a, &b));
    assert_false(same_bits(&a, &before));
    od_tensor_list *const lists[] = {&before, &optimizer, &a, &b};
    for (size_t i = 0; i < 4; i++) {
        od_trainer_tensors_fini(lists[i]);
    }
    od_trainer_free(left);
    od_trainer_free(right);
}

static void clipping_bounds_the_norm(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *free_run = tiny_trainer(&spec, "ref");
    od_step_result result;
    assert_int_equal(od_trainer_step(free_run, false, true, &result, NULL), OD_OK);
    const double norm = result.grad_norm;
    assert_true(norm > 0.01);
    const struct {
        double clip, expected;
    } cases[] = {{norm / 4, norm / 4 * (norm / (norm + 1e-6))}, {norm * 2, norm}};
    for (size_t i = 0; i < 2; i++) {
        spec.train.grad_clip = cases[i].clip;
        od_trainer *clipped = tiny_trainer(&spec, "ref");
        assert_int_equal(od_trainer_step(clipped, false, false, &result, NULL), OD_OK);
        assert_true(fabs(result.grad_norm - cases[i].expected) < 1e-6 * norm);
        od_trainer_free(clipped);
    }
    od_trainer_free(free_run);
}

// SGD without momentum moves each parameter by lr * gradient, so a clipped step is shorter by the
// factor that clipping says.
static void clipping_scales_the_update(void **state) {
    (void)state;
    od_spec spec = tiny_spec(), clipped = tiny_spec();
    spec.train.optimizer = clipped.train.optimizer =
        (od_optimizer_spec){.type = OD_OPTIMIZER_SGD, .lr = 1};
    clipped.train.grad_clip = 0.01;
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    od_tensor_list start = model_of(trainer);
    od_step_result result;
    assert_int_equal(od_trainer_step(trainer, false, true, &result, NULL), OD_OK);
    od_tensor_list a = model_of(trainer), b = train(&clipped, "ref", 1);
    const double factor = 0.01 / (result.grad_norm + 1e-6);
    const float *x0 = start.tensors[0].data, *x = a.tensors[0].data, *y = b.tensors[0].data;
    for (int i = 0; i < 12; i++) {
        const double whole = (double)x[i] - (double)x0[i], cut = (double)y[i] - (double)x0[i];
        assert_true(fabs(cut - whole * factor) < 1e-6 * fabs(whole) + 1e-9);
    }
    od_trainer_tensors_fini(&start);
    od_trainer_tensors_fini(&a);
    od_trainer_tensors_fini(&b);
    od_trainer_free(trainer);
}

static void statistics_are_of_each_connection(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    od_step_result result;
    assert_int_equal(od_trainer_step(trainer, true, false, &result, NULL), OD_OK);
    assert_true(result.has_stats);
    int count;
    const od_connection_stats *stats = od_trainer_stats_borrow(trainer, &count);
    assert_int_equal(count, 4);
    for (int i = 0; i < count; i++) {
        assert_string_equal(stats[i].tag, i % 2 == 0 ? "attn" : "mlp");
        assert_int_equal(stats[i].block, i / 2);
        assert_true(stats[i].values[0] > 0);
        assert_true(stats[i].values[3] >= 0 && stats[i].values[4] > 0);
        assert_true(fabs(stats[i].values[5]) <= 1 + 1e-6);
    }
    assert_string_equal(od_connection_stat_names[0], "x_norm2");
    assert_string_equal(od_connection_stat_names[5], "cos_x_out");
    od_trainer_free(trainer);
}

// With the same samples in one batch or in two, the means over rows are the same.
static void statistics_are_means_over_the_step(void **state) {
    (void)state;
    od_spec whole = tiny_spec(), halves = tiny_spec();
    halves.train.grad_accumulate_steps = 2;
    od_trainer *left = tiny_trainer(&whole, "ref"), *right = tiny_trainer(&halves, "ref");
    od_step_result result;
    for (int step = 0; step < 2; step++) { // the first one's must not stay in the second one's
        assert_int_equal(od_trainer_step(left, true, false, &result, NULL), OD_OK);
        assert_int_equal(od_trainer_step(right, step == 1, false, &result, NULL), OD_OK);
    }
    int count;
    const od_connection_stats *a = od_trainer_stats_borrow(left, &count);
    const od_connection_stats *b = od_trainer_stats_borrow(right, &count);
    for (int i = 0; i < count; i++) {
        for (int s = 0; s < OD_CONNECT_STATS; s++) {
            assert_true(fabs(a[i].values[s] - b[i].values[s]) <
                        2e-3 * (fabs(a[i].values[s]) + 1e-3));
        }
    }
    od_trainer_free(left);
    od_trainer_free(right);
}

static int orthogonal_blocks(const od_connection_stats *stats, int count) {
    int blocks = 0;
    for (int c = 0; c < count; c += 2) {
        // rezero tells ||f_ortho||^2 of orthogonal connections only; a block's two go together
        assert_int_equal(stats[c].extra_count, stats[c + 1].extra_count);
        blocks += stats[c].extra_count == 2;
    }
    return blocks;
}

// Four blocks, of which one never is, over 100 steps: 300 draws within five standard errors.
static void blocks_are_orthogonal_with_their_probability(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.model.depth = 4;
    spec.train.epochs = 20;
    spec.residual.orthogonal_block[3] = false;
    spec.residual.pattern = OD_PATTERN_REZERO;
    spec.residual.is_drawn = true;
    spec.residual.probability = 0.3F;
    od_trainer *trainer = tiny_trainer(&spec, "cpu");
    int drawn = 0, changes = 0, last = -1;
    for (int step = 0; step < 100; step++) {
        od_step_result result;
        int count;
        assert_int_equal(od_trainer_step(trainer, true, false, &result, NULL), OD_OK);
        const od_connection_stats *stats = od_trainer_stats_borrow(trainer, &count);
        assert_int_equal(stats[6].extra_count, 1);
        const int now = orthogonal_blocks(stats, count);
        drawn += now;
        changes += now != last;
        last = now;
    }
    assert_true(abs(drawn - 90) < 5 * 8);
    assert_true(changes > 30); // each step draws anew
    od_trainer_free(trainer);
}

static void non_finite_loss_ends_before_the_update(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_trainer *trainer = tiny_trainer(&spec, "ref");
    tiny_steps(trainer, 2);
    od_tensor_list before = model_of(trainer);
    float *weight = before.tensors[before.count - 1].data; // the head's bias
    weight[0] = INFINITY;
    assert_int_equal(od_trainer_load_model(trainer, before.tensors, before.count, NULL), OD_OK);
    od_step_result result;
    od_error error = {0};
    assert_int_equal(od_trainer_step(trainer, false, false, &result, &error), OD_E_NON_FINITE);
    assert_non_null(strstr(error.text, "the loss of step 3 is"));
    assert_non_null(strstr(error.text, "the parameter classifier.1.bias has 1 non-finite value of "
                                       "4, the first at [0]"));
    od_tensor_list after = model_of(trainer);
    tiny_assert_same_tensors(&before, &after);
    assert_int_equal(od_trainer_step_count(trainer), 2);
    od_trainer_tensors_fini(&before);
    od_trainer_tensors_fini(&after);
    od_trainer_free(trainer);
}

static float *values_of(const od_tensor_list *list, const char *name, int64_t *count) {
    for (size_t i = 0; i < list->count; i++) {
        const od_named_tensor *tensor = &list->tensors[i];
        if (strcmp(tensor->name, name) == 0) {
            *count = 1;
            for (int d = 0; d < tensor->rank; d++) {
                *count *= tensor->shape[d];
            }
            return tensor->data;
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

// The class token passes the blocks as zeros, so that the loss is finite and the last norm's slope
// steep: with a large weight behind it the gradient overflows.
static void non_finite_gradient_ends_before_the_update(void **state) {
    (void)state;
    static const char *const zeros[] = {"cls_token", "blocks.0.attn.proj.weight",
                                        "blocks.0.attn.proj.bias", "blocks.0.mlp.fc2.weight",
                                        "blocks.0.mlp.fc2.bias"};
    od_spec spec = tiny_spec();
    spec.model.depth = 1;
    spec.train.grad_accumulate_steps = 2;
    spec.train.grad_clip = 1;
    od_trainer *trainer = tiny_trainer(&spec, "cpu");
    od_tensor_list before = model_of(trainer);
    int64_t count = 0;
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        float *values = values_of(&before, zeros[i], &count);
        memset(values, 0, (size_t)count * sizeof *values);
    }
    values_of(&before, "classifier.1.weight", &count)[0] = 3e38F;
    assert_int_equal(od_trainer_load_model(trainer, before.tensors, before.count, NULL), OD_OK);
    od_step_result result;
    od_error error = {0};
    assert_int_equal(od_trainer_step(trainer, false, false, &result, &error), OD_E_NON_FINITE);
    assert_non_null(strstr(error.text, "the gradient's norm of step 1 is"));
    assert_non_null(strstr(error.text, "the gradient of class_token has "));
    od_tensor_list after = model_of(trainer);
    tiny_assert_same_tensors(&before, &after);
    od_trainer_tensors_fini(&before);
    od_trainer_tensors_fini(&after);
    od_trainer_free(trainer);
}

// A learning rate that throws the weights away is found in the step after.
static void a_huge_rate_is_traced(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.optimizer.type = OD_OPTIMIZER_SGD;
    spec.train.optimizer.lr = 1e37;
    od_trainer *trainer = tiny_trainer(&spec, "cpu");
    od_step_result result;
    od_error error = {0};
    od_status status = OD_OK;
    while (status == OD_OK) {
        status = od_trainer_step(trainer, false, false, &result, &error);
    }
    assert_int_equal(status, OD_E_NON_FINITE);
    assert_non_null(strstr(error.text, "the first at ["));
    assert_non_null(strstr(error.text, "try a smaller lr"));
    od_trainer_free(trainer);
}

// Evaluation has no smoothing, takes the short last batch, and leaves training as it was.
static void evaluation_does_not_disturb(void **state) {
    (void)state;
    od_spec spec = tiny_spec(), smoother = tiny_spec();
    smoother.train.label_smoothing = 0.5;
    od_trainer *quiet = tiny_trainer(&spec, "ref"), *asked = tiny_trainer(&spec, "ref");
    od_trainer *smooth = tiny_trainer(&smoother, "ref");
    od_eval_result a, b;
    assert_int_equal(od_trainer_evaluate(asked, &a, NULL), OD_OK);
    assert_int_equal(od_trainer_evaluate(smooth, &b, NULL), OD_OK);
    assert_int_equal(a.samples, TINY_EVAL);
    assert_true(a.loss == b.loss && a.acc1 == b.acc1);
    assert_true(a.acc5 == 1); // of four classes
    for (int i = 0; i < 7; i++) {
        tiny_steps(quiet, 1);
        tiny_steps(asked, 1);
        assert_int_equal(od_trainer_evaluate(asked, &a, NULL), OD_OK);
    }
    od_tensor_list left = model_of(quiet), right = model_of(asked);
    tiny_assert_same_tensors(&left, &right);
    od_trainer_tensors_fini(&left);
    od_trainer_tensors_fini(&right);
    od_trainer_free(quiet);
    od_trainer_free(asked);
    od_trainer_free(smooth);
}

static od_status try_new(const od_spec *spec, int64_t samples, od_error *error) {
    od_dataset *data = tiny_dataset(samples, 1);
    od_trainer *trainer = NULL;
    od_status status = od_trainer_new(spec, &od_backend_ref, &(od_device_options){.threads = 1},
                                      data, data, &trainer, error);
    od_trainer_free(trainer);
    od_dataset_free(data);
    return status;
}

static void what_cannot_run_is_refused(void **state) {
    (void)state;
    od_error error = {0};
    od_spec spec = tiny_spec();
    assert_int_equal(try_new(&spec, TINY_BATCH - 1, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "7 samples"));
    spec.train.grad_accumulate_steps = 3;
    assert_int_equal(try_new(&spec, TINY_TRAIN, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "grad_accumulate_steps is 3"));
    spec = tiny_spec();
    spec.model.channels = 3;
    assert_int_equal(try_new(&spec, TINY_TRAIN, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "channels"));
    spec = tiny_spec();
    spec.train.epochs = 0;
    assert_int_equal(try_new(&spec, TINY_TRAIN, &error), OD_E_INVALID);
    spec = tiny_spec();
    spec.model.heads = 5;
    assert_int_equal(try_new(&spec, TINY_TRAIN, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "heads is 5"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_decreases),
        cmocka_unit_test(mixed_runs_learn_and_have_no_accuracy),
        cmocka_unit_test(results_tell_the_position),
        cmocka_unit_test(max_steps_ends_the_run),
        cmocka_unit_test(schedule_gives_the_rate),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(same_seed_same_bits_on_cpu),
        cmocka_unit_test(cpu_trains_like_ref),
        cmocka_unit_test(bf16_on_cpu_trains_like_bf16_on_ref),
        cmocka_unit_test(bf16_gives_the_same_bits),
        cmocka_unit_test(checkpointing_gives_the_same_bits),
        cmocka_unit_test(checkpointing_leaves_running_statistics_alone),
        cmocka_unit_test(connections_differ),
        cmocka_unit_test(accumulation_is_one_batch),
        cmocka_unit_test(short_last_group_counts_in_full),
        cmocka_unit_test(clipping_bounds_the_norm),
        cmocka_unit_test(clipping_scales_the_update),
        cmocka_unit_test(statistics_are_of_each_connection),
        cmocka_unit_test(statistics_are_means_over_the_step),
        cmocka_unit_test(blocks_are_orthogonal_with_their_probability),
        cmocka_unit_test(non_finite_loss_ends_before_the_update),
        cmocka_unit_test(non_finite_gradient_ends_before_the_update),
        cmocka_unit_test(a_huge_rate_is_traced),
        cmocka_unit_test(evaluation_does_not_disturb),
        cmocka_unit_test(what_cannot_run_is_refused),
    };
    return cmocka_run_group_tests_name("trainer", tests, NULL, NULL);
}
