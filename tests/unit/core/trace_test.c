// SPDX-License-Identifier: Apache-2.0
// core/graph/trace.c: whatever is poisoned is named, and nothing that follows from it.
#include "core/graph/trace.h"

#include "tests/unit/core/tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const od_model_tensor *tensor_of(const tiny_rig *rig, const char *name) {
    for (int i = 0; i < rig->model->tensor_count; i++) {
        if (strcmp(rig->model->tensors[i].name, name) == 0) {
            return &rig->model->tensors[i];
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

static float *parameter(const tiny_rig *rig, const char *name) {
    return rig->parameters + tensor_of(rig, name)->offset;
}

static void expect(tiny_rig *rig, float loss_scale, const char *expected) {
    const od_run_options options = {
        .batch = TINY_BATCH, .training = true, .loss_scale = loss_scale};
    char text[OD_TRACE_TEXT_BYTES];
    od_error error = {0};
    assert_int_equal(od_trace_non_finite(rig->run, &options, text, &error), OD_OK);
    assert_string_equal(text, expected);
}

static tiny_rig rig_of(bool recompute) {
    od_spec spec = tiny_spec();
    spec.train.gradient_checkpointing = recompute;
    return tiny_rig_new(&spec, true, "cpu");
}

static void a_sound_run_has_nothing(void **state) {
    (void)state;
    for (int recompute = 0; recompute < 2; recompute++) {
        tiny_rig rig = rig_of(recompute != 0);
        expect(&rig, 1, "");
        tiny_rig_free(&rig);
    }
}

static void a_parameter_is_named(void **state) {
    (void)state;
    tiny_rig rig = rig_of(false);
    float *weight = parameter(&rig, "blocks.1.mlp.fc1.weight"); // [48, 12]
    weight[17 * 12 + 5] = NAN;
    weight[47 * 12] = -INFINITY;
    expect(&rig, 1,
           "the parameter blocks.1.mlp.fc1.weight has 2 non-finite values of 576, the first at "
           "[17, 5]");
    tiny_rig_free(&rig);
}

static void an_input_is_named(void **state) {
    (void)state;
    tiny_rig rig = rig_of(false);
    rig.images[(3 * TINY_SIDE + 1) * TINY_SIDE + 2] = INFINITY;
    expect(&rig, 1, "the input images has 1 non-finite value of 512, the first at [3, 1, 2, 0]");
    tiny_rig_free(&rig);
}

// All weights are finite, and so is what comes before.
static void the_first_value_is_named(void **state) {
    (void)state;
    tiny_rig rig = rig_of(true);
    float *bias = parameter(&rig, "blocks.1.attn.qkv.bias");
    float *weight = parameter(&rig, "blocks.1.attn.proj.weight");
    bias[24 + 3] = 3e38F; // of a value
    for (int i = 0; i < 12; i++) {
        weight[7 * 12 + i] = 10;
    }
    expect(&rig, 1, "block 1 attn: proj has 40 non-finite values of 480, the first at [0, 0, 7]");
    tiny_rig_free(&rig);
}

static void a_gradient_is_named(void **state) {
    (void)state;
    tiny_rig rig = rig_of(false);
    expect(&rig, INFINITY,
           "the gradient of logits has 32 non-finite values of 32, the first at [0, 0]");
    float *weight = parameter(&rig, "classifier.1.weight"); // [4, 12]
    weight[2 * 12 + 4] = 3e38F;
    parameter(&rig, "classifier.0.weight")[4] = 0; // so that no logit is large
    parameter(&rig, "classifier.0.bias")[4] = 0;
    memset(rig.gradients, 0, (size_t)rig.model->flat_count * sizeof *rig.gradients);
    expect(&rig, 64,
           "the gradient of head_norm has 8 non-finite values of 96, the first at [0, 4]");
    tiny_rig_free(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_run_has_nothing), cmocka_unit_test(a_parameter_is_named),
        cmocka_unit_test(an_input_is_named),       cmocka_unit_test(the_first_value_is_named),
        cmocka_unit_test(a_gradient_is_named),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
