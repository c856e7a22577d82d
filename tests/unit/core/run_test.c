// SPDX-License-Identifier: Apache-2.0
// core/graph/run.c and the ops: the gradient of the loss of a whole model against differences of
// that loss, tensor by tensor, and the memory that a run takes.
#include "tests/unit/core/tiny.h"

#include "core/rng/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static double dot(const float *left, const float *right, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)left[i] * (double)right[i];
    }
    return sum;
}

static double loss_at(tiny_rig *rig, float *parameters, const float *start, const float *direction,
                      int64_t count, double distance) {
    for (int64_t i = 0; i < count; i++) {
        parameters[i] = (float)((double)start[i] + distance * (double)direction[i]);
    }
    return tiny_rig_loss(rig, false);
}

// Slope of the loss along a direction of length 1, by a five-point difference: its error is of the
// fourth order, so steps can be long enough to stand out from rounding.
static double slope(tiny_rig *rig, float *parameters, const float *direction, int64_t count) {
    const double h = 0.02;
    float *start = malloc((size_t)count * sizeof *start);
    assert_non_null(start);
    for (int64_t i = 0; i < count; i++) {
        start[i] = parameters[i];
    }
    double loss[4];
    const double at[] = {-2 * h, -h, h, 2 * h};
    for (int i = 0; i < 4; i++) {
        loss[i] = loss_at(rig, parameters, start, direction, count, at[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        parameters[i] = start[i];
    }
    free(start);
    return (loss[0] - 8 * loss[1] + 8 * loss[2] - loss[3]) / (12 * h);
}

static void normalise(float *direction, int64_t count) {
    const double length = sqrt(dot(direction, direction, count));
    for (int64_t i = 0; i < count; i++) {
        direction[i] = (float)((double)direction[i] / length);
    }
}

// Along the gradient itself, and along random directions, where wrong places would show.
static void check_tensor(tiny_rig *rig, const od_model_tensor *tensor, const float *gradient) {
    float *parameters = rig->parameters + tensor->offset;
    float *direction = malloc((size_t)tensor->count * sizeof *direction);
    assert_non_null(direction);
    const double length = sqrt(dot(gradient, gradient, tensor->count));
    for (uint64_t trial = 0; trial < 3; trial++) {
        od_philox stream;
        od_philox_init(&stream, 5, OD_PURPOSE_INIT, 0, trial);
        for (int64_t i = 0; i < tensor->count; i++) {
            direction[i] = trial == 0 ? gradient[i] : od_philox_normal(&stream);
        }
        normalise(direction, tensor->count);
        const double expected = dot(gradient, direction, tensor->count);
        const double measured = slope(rig, parameters, direction, tensor->count);
        if (fabs(measured - expected) > 2e-3 * length + 1e-5) {
            fail_msg("%s, direction %d: slope %g, gradient %g of %g", tensor->name, (int)trial,
                     measured, expected, length);
        }
    }
    free(direction);
}

static void check_model(const od_spec *spec, bool fuse) {
    tiny_rig rig = tiny_rig_new(spec, fuse, "ref");
    const int64_t count = rig.model->flat_count;
    float *gradients = malloc((size_t)count * sizeof *gradients);
    assert_non_null(gradients);
    tiny_rig_loss(&rig, true);
    for (int64_t i = 0; i < count; i++) {
        gradients[i] = rig.gradients[i];
    }
    for (int i = 0; i < rig.model->tensor_count; i++) {
        if (rig.model->tensors[i].kind == OD_TENSOR_LEARNABLE) {
            check_tensor(&rig, &rig.model->tensors[i], gradients + rig.model->tensors[i].offset);
        }
    }
    free(gradients);
    tiny_rig_free(&rig);
}

static void gradients_are_slopes_of_the_loss(void **state) {
    (void)state;
    const od_connection connections[] = {OD_CONNECT_LINEAR, OD_CONNECT_NEGATIVE,
                                         OD_CONNECT_ORTHOGONAL};
    for (size_t i = 0; i < 3; i++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = connections[i];
        check_model(&spec, false);
        check_model(&spec, true);
    }
}

static void patterns_have_gradients(void **state) {
    (void)state;
    const od_pattern patterns[] = {OD_PATTERN_REZERO, OD_PATTERN_REZERO_CONSTRAINED,
                                   OD_PATTERN_RESCALE};
    for (size_t i = 0; i < 6; i++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = i % 2 == 0 ? OD_CONNECT_LINEAR : OD_CONNECT_ORTHOGONAL;
        spec.residual.pattern = patterns[i / 2];
        check_model(&spec, true);
    }
}

// Backward sees the masks and the noise that forward drew.
static void drawn_models_have_gradients(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.model.drop_path = 0.25F;
    spec.model.mlp_dropout = 0.25F;
    spec.residual.perturbation = 0.5F;
    check_model(&spec, true);
}

static float first_logit(const tiny_rig *rig, const od_run_options *options) {
    od_run_forward(rig->run, options);
    return *(const float *)od_run_memory(rig->run, rig->model->logits);
}

// The same seed and number give the same bits, as the second run of a block that is computed again
// in backward needs; another number gives others; evaluation drops nothing but is perturbed.
static void draws_follow_their_number(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.model.drop_path = 0.25F;
    spec.model.mlp_dropout = 0.25F;
    tiny_rig dropping = tiny_rig_new(&spec, true, "cpu");
    od_run_options options = {.batch = TINY_BATCH, .training = true, .seed = 1, .draw = 5};
    const float first = first_logit(&dropping, &options);
    assert_true(first_logit(&dropping, &options) == first);
    options.draw = 6;
    assert_true(first_logit(&dropping, &options) != first);
    options = (od_run_options){.batch = TINY_BATCH, .seed = 1, .draw = 5};
    const float evaluated = first_logit(&dropping, &options);
    options.draw = 6;
    assert_true(first_logit(&dropping, &options) == evaluated);
    tiny_rig_free(&dropping);
    spec = tiny_spec();
    spec.residual.perturbation = 0.5F;
    tiny_rig noisy = tiny_rig_new(&spec, true, "cpu");
    const float at6 = first_logit(&noisy, &options);
    assert_true(first_logit(&noisy, &options) == at6);
    options.training = true;
    assert_true(first_logit(&noisy, &options) != at6);
    tiny_rig_free(&noisy);
}

// A connection that is planned orthogonal and switched computes what a linear one does.
static void connections_can_be_switched(void **state) {
    (void)state;
    const od_pattern patterns[] = {OD_PATTERN_DEFAULT, OD_PATTERN_REZERO};
    for (size_t i = 0; i < 2; i++) {
        od_spec spec = tiny_spec();
        spec.residual.pattern = patterns[i];
        tiny_rig switched = tiny_rig_new(&spec, true, "cpu");
        spec.residual.orthogonal_block[1] = false;
        tiny_rig linear = tiny_rig_new(&spec, true, "cpu");
        const bool linear_connections[] = {false, false, true, true};
        od_run_options options = {
            .batch = TINY_BATCH, .training = true, .loss_scale = 1, .linear = linear_connections};
        const float logit = first_logit(&switched, &options);
        od_run_backward(switched.run, &options);
        options.linear = NULL;
        assert_true(first_logit(&linear, &options) == logit);
        od_run_backward(linear.run, &options);
        assert_memory_equal(switched.gradients, linear.gradients,
                            (size_t)linear.model->flat_count * sizeof(float));
        assert_true(first_logit(&switched, &options) != logit);
        tiny_rig_free(&switched);
        tiny_rig_free(&linear);
    }
}

static double length_of(const float *values, int64_t count) {
    return sqrt(dot(values, values, count));
}

// ||left - right|| / ||left||
static double distance(const float *left, const float *right, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)left[i] - (double)right[i];
        sum += d * d;
    }
    return sqrt(sum) / length_of(left, count);
}

static void cpu_has_the_gradients_of_ref(void **state) {
    (void)state;
    const od_connection connections[] = {OD_CONNECT_LINEAR, OD_CONNECT_ORTHOGONAL};
    for (size_t c = 0; c < 2; c++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = connections[c];
        tiny_rig ref = tiny_rig_new(&spec, true, "ref"), cpu = tiny_rig_new(&spec, true, "cpu");
        assert_true(fabs(tiny_rig_loss(&ref, true) - tiny_rig_loss(&cpu, true)) < 1e-6);
        for (int i = 0; i < ref.model->tensor_count; i++) {
            const od_model_tensor *tensor = &ref.model->tensors[i];
            if (tensor->kind == OD_TENSOR_LEARNABLE &&
                distance(ref.gradients + tensor->offset, cpu.gradients + tensor->offset,
                         tensor->count) > 2e-5) {
                fail_msg("the gradient of %s differs", tensor->name);
            }
        }
        tiny_rig_free(&ref);
        tiny_rig_free(&cpu);
    }
}

static void gradients_add_up(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    tiny_rig rig = tiny_rig_new(&spec, true, "ref");
    const od_run_options options = {
        .batch = TINY_BATCH, .training = true, .loss_scale = 1.0F / TINY_BATCH};
    tiny_rig_loss(&rig, true);
    const int64_t at = rig.model->tensors[3].offset;
    const float once = rig.gradients[at];
    od_run_forward(rig.run, &options);
    od_run_backward(rig.run, &options);
    assert_true(fabs((double)rig.gradients[at] - 2 * (double)once) < 1e-6 * fabs((double)once));
    tiny_rig_free(&rig);
}

// A smaller batch computes what the first samples of the full one do.
static void batch_may_be_smaller(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    tiny_rig rig = tiny_rig_new(&spec, true, "ref");
    od_run_forward(rig.run, &(od_run_options){.batch = TINY_BATCH});
    const float *loss = od_run_memory(rig.run, rig.model->loss);
    float whole[3];
    for (int i = 0; i < 3; i++) {
        whole[i] = loss[i];
    }
    od_run_forward(rig.run, &(od_run_options){.batch = 3});
    for (int i = 0; i < 3; i++) {
        assert_true(loss[i] == whole[i]);
    }
    tiny_rig_free(&rig);
}

static size_t allocated_bytes;

static od_status counting_alloc(od_device *device, size_t bytes, void **out, od_error *error) {
    allocated_bytes += bytes;
    return od_backend_ref.alloc(device, bytes, out, error);
}

static void plan_is_what_is_allocated(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_backend counting = od_backend_ref;
    counting.alloc = counting_alloc;
    tiny_rig rig = tiny_rig_new(&spec, true, "ref");
    od_run *run;
    allocated_bytes = 0;
    assert_int_equal(od_run_new(rig.model->graph, rig.plan, &counting, rig.device, &run, NULL),
                     OD_OK);
    assert_int_equal(allocated_bytes, rig.plan->arena_bytes + rig.plan->stats_bytes);
    od_run_free(run);

    od_dataset *data = tiny_dataset(TINY_TRAIN, 1);
    od_trainer *trainer;
    allocated_bytes = 0;
    assert_int_equal(od_trainer_new(&spec, &counting, &(od_device_options){.threads = 1}, data,
                                    data, &trainer, NULL),
                     OD_OK);
    const od_trainer_plan *plan = od_trainer_plan_borrow(trainer);
    // Two loaders' images, labels and numbers, then loss and rank.
    const int64_t host_batch = TINY_BATCH * (2 * (TINY_SIDE * TINY_SIDE + 1 + 1) + 1 + 1) * 4;
    assert_int_equal(allocated_bytes + (size_t)host_batch, plan->total_bytes);
    od_trainer_plan before;
    assert_int_equal(od_trainer_plan_of(&spec, TINY_TRAIN, &before, NULL), OD_OK);
    assert_memory_equal(&before, plan, sizeof before);
    od_trainer_free(trainer);
    od_dataset_free(data);
    tiny_rig_free(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes_of_the_loss),
        cmocka_unit_test(patterns_have_gradients),
        cmocka_unit_test(drawn_models_have_gradients),
        cmocka_unit_test(draws_follow_their_number),
        cmocka_unit_test(connections_can_be_switched),
        cmocka_unit_test(cpu_has_the_gradients_of_ref),
        cmocka_unit_test(gradients_add_up),
        cmocka_unit_test(batch_may_be_smaller),
        cmocka_unit_test(plan_is_what_is_allocated),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
