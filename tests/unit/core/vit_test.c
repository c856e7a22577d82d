// SPDX-License-Identifier: Apache-2.0
// core/model/vit.c and model.c: the state_dict of the reference's Classifier (names, order, shapes,
// as load_state_dict(strict=True) wants them) and PyTorch's start values.
#include "core/model/vit.h"

#include "core/rng/philox.h"
#include "tests/unit/core/tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ViT 64/6/4 with patches of 7 on 28 x 28 x 1 images of 10 classes.
static od_spec nano(void) {
    od_spec spec = tiny_spec();
    spec.model = (od_model_spec){.arch = "vit",
                                 .width = 64,
                                 .depth = 6,
                                 .heads = 4,
                                 .patch_size = 7,
                                 .image_size = 28,
                                 .channels = 1,
                                 .classes = 10};
    return spec;
}

static od_model *model_of(const od_spec *spec) {
    od_model *model;
    od_error error = {0};
    if (od_model_new(spec, true, &model, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return model;
}

typedef struct row {
    const char *name;
    int rank;
    int64_t shape[4];
} row;

static void assert_row(const od_model_tensor *tensor, const char *name, const row *expected) {
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->rank, expected->rank);
    int64_t count = 1;
    for (int i = 0; i < expected->rank; i++) {
        assert_int_equal(tensor->shape[i], expected->shape[i]);
        count *= expected->shape[i];
    }
    assert_int_equal(tensor->count, count);
}

static void state_dict_is_the_references(void **state) {
    (void)state;
    static const row front[] = {{"cls_token", 3, {1, 1, 64}},
                                {"pos_embed", 3, {1, 16, 64}},
                                {"patchify.weight", 4, {64, 1, 7, 7}},
                                {"patchify.bias", 1, {64}}};
    static const row block[] = {{"residual_eps", 1, {1}},    {"attn.qkv.weight", 2, {192, 64}},
                                {"attn.qkv.bias", 1, {192}}, {"attn.proj.weight", 2, {64, 64}},
                                {"attn.proj.bias", 1, {64}}, {"mlp.fc1.weight", 2, {256, 64}},
                                {"mlp.fc1.bias", 1, {256}},  {"mlp.fc2.weight", 2, {64, 256}},
                                {"mlp.fc2.bias", 1, {64}}};
    static const row back[] = {{"classifier.0.weight", 1, {64}},
                               {"classifier.0.bias", 1, {64}},
                               {"classifier.1.weight", 2, {10, 64}},
                               {"classifier.1.bias", 1, {10}}};
    od_spec spec = nano();
    od_model *model = model_of(&spec);
    int at = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_row(&model->tensors[at++], front[i].name, &front[i]);
    }
    for (int b = 0; b < 6; b++) {
        for (size_t i = 0; i < 9; i++) {
            char name[64];
            snprintf(name, sizeof name, "blocks.%d.%s", b, block[i].name);
            assert_row(&model->tensors[at++], name, &block[i]);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        assert_row(&model->tensors[at++], back[i].name, &back[i]);
    }
    assert_int_equal(model->tensor_count, at);
    assert_int_equal(od_model_parameters(model), 303434);
    od_model_free(model);
}

// A block's own scalars stand between its buffer and its layers, and start at zero.
static void patterns_have_their_scalars(void **state) {
    (void)state;
    static const struct {
        od_pattern pattern;
        const char *attn, *mlp;
    } cases[] = {
        {OD_PATTERN_REZERO, "attn_alpha", "mlp_alpha"},
        {OD_PATTERN_REZERO_CONSTRAINED, "attn_theta", "mlp_theta"},
        {OD_PATTERN_RESCALE, "attn_rescale_alpha", "mlp_rescale_alpha"},
    };
    static const row scalar = {NULL, 1, {1}};
    for (size_t i = 0; i < 3; i++) {
        od_spec spec = nano();
        spec.residual.pattern = cases[i].pattern;
        od_model *model = model_of(&spec);
        const od_model_tensor *block = &model->tensors[4 + 11 * 3];
        char name[64];
        assert_string_equal(block[0].name, "blocks.3.residual_eps");
        snprintf(name, sizeof name, "blocks.3._pattern_params.%s", cases[i].attn);
        assert_row(&block[1], name, &scalar);
        snprintf(name, sizeof name, "blocks.3._pattern_params.%s", cases[i].mlp);
        assert_row(&block[2], name, &scalar);
        assert_string_equal(block[3].name, "blocks.3.attn.qkv.weight");
        float start = 1;
        od_model_init_tensor(model, 4 + 11 * 3 + 1, 42, &start);
        assert_true(start == 0);
        assert_int_equal(od_model_parameters(model), 303434 + 12);
        od_model_free(model);
    }
    od_spec spec = nano();
    spec.residual.pattern = OD_PATTERN_RESCALE_CONV;
    od_model *model = NULL;
    assert_int_equal(od_model_new(&spec, true, &model, NULL), OD_E_INVALID);
}

static void flat_offsets_are_aligned(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_model *model = model_of(&spec);
    int64_t end = 0;
    for (int i = 0; i < model->tensor_count; i++) {
        const od_model_tensor *tensor = &model->tensors[i];
        if (tensor->kind != OD_TENSOR_LEARNABLE) {
            assert_int_equal(tensor->offset, -1);
            continue;
        }
        assert_int_equal(tensor->offset % 16, 0);
        assert_true(tensor->offset >= end && tensor->offset < end + 16);
        end = tensor->offset + tensor->count;
    }
    assert_true(model->flat_count >= end && model->flat_count < end + 16);
    od_model_free(model);
}

// Mean, deviation and largest size of a tensor's start values.
typedef struct moments {
    double mean, deviation, most;
} moments;

static moments moments_of(const od_model *model, const char *name, uint64_t seed) {
    int index = 0;
    while (strcmp(model->tensors[index].name, name) != 0) {
        index++;
    }
    const int64_t count = model->tensors[index].count;
    float *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    od_model_init_tensor(model, index, seed, values);
    double sum = 0, squares = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
        most = fmax(most, fabs((double)values[i]));
    }
    free(values);
    const double mean = sum / (double)count;
    return (moments){mean, sqrt(squares / (double)count - mean * mean), most};
}

static void assert_uniform(const od_model *model, const char *name, double fan_in) {
    const moments m = moments_of(model, name, 42);
    const double bound = 1 / sqrt(fan_in);
    assert_true(m.most <= bound * (1 + 1e-6) && m.most > 0.9 * bound);
    assert_true(fabs(m.mean) < 0.15 * bound);
    assert_true(fabs(m.deviation - bound / sqrt(3)) < 0.1 * bound);
}

static void start_values_are_pytorchs(void **state) {
    (void)state;
    od_spec spec = nano();
    od_model *model = model_of(&spec);
    assert_uniform(model, "patchify.weight", 49);
    assert_uniform(model, "patchify.bias", 49);
    assert_uniform(model, "blocks.2.attn.qkv.weight", 64);
    assert_uniform(model, "blocks.2.attn.qkv.bias", 64);
    assert_uniform(model, "blocks.0.mlp.fc2.weight", 256);
    assert_uniform(model, "blocks.0.mlp.fc2.bias", 256);
    assert_uniform(model, "classifier.1.weight", 64);
    const moments cls = moments_of(model, "cls_token", 42);
    assert_true(cls.most == 0);
    const moments pos = moments_of(model, "pos_embed", 42);
    assert_true(fabs(pos.deviation - 0.02) < 0.002 && fabs(pos.mean) < 0.003);
    assert_true(pos.most > 0.05 && pos.most < 0.1);
    const moments gamma = moments_of(model, "classifier.0.weight", 42);
    assert_true(gamma.mean == 1 && gamma.deviation == 0);
    assert_true(moments_of(model, "classifier.0.bias", 42).most == 0);
    od_model_free(model);
}

static void each_tensor_and_seed_has_its_own_draws(void **state) {
    (void)state;
    od_spec spec = nano();
    od_model *model = model_of(&spec);
    const double first = moments_of(model, "blocks.0.attn.qkv.weight", 1).mean;
    assert_true(first == moments_of(model, "blocks.0.attn.qkv.weight", 1).mean);
    assert_true(first != moments_of(model, "blocks.0.attn.qkv.weight", 2).mean);
    assert_true(first != moments_of(model, "blocks.1.attn.qkv.weight", 1).mean);
    od_model_free(model);
}

// Buffers have no number: adding one changes no start value.
static void numbers_are_those_of_the_learnable(void **state) {
    (void)state;
    od_spec spec = nano();
    od_model *model = model_of(&spec);
    float weight[192 * 64];
    assert_string_equal(model->tensors[5].name, "blocks.0.attn.qkv.weight");
    od_model_init_tensor(model, 5, 11, weight);
    od_philox stream;
    od_philox_init(&stream, 11, OD_PURPOSE_INIT, 0, 4);
    for (int i = 0; i < 9; i++) {
        assert_true(weight[i] == (2 * od_philox_uniform(&stream) - 1) * 0.125F);
    }
    od_model_free(model);
}

static void connections_follow_the_spec(void **state) {
    (void)state;
    od_spec spec = nano();
    spec.residual.orthogonal_block[2] = false;
    spec.residual.eps = 1e-5F;
    od_model *model = model_of(&spec);
    int seen = 0;
    for (int n = 0; n < model->graph->node_count; n++) {
        const od_node *node = &model->graph->nodes[n];
        if (node->connection < 0) {
            continue;
        }
        assert_int_equal(node->connection, seen);
        assert_int_equal(node->block, seen / 2);
        assert_string_equal(node->tag, seen % 2 == 0 ? "attn" : "mlp");
        assert_int_equal(node->attributes.connection,
                         node->block == 2 ? OD_CONNECT_LINEAR : OD_CONNECT_ORTHOGONAL);
        assert_true(node->attributes.eps == 1e-5F);
        seen++;
    }
    assert_int_equal(seen, 12);
    assert_true(model->tensors[4].init.scale == 1e-5F); // blocks.0.residual_eps
    od_model_free(model);
}

static void flops_are_those_of_the_products(void **state) {
    (void)state;
    od_spec spec = nano();
    od_model *model = model_of(&spec);
    const double patches = 2.0 * 16 * 49 * 64 * 2, head = 2.0 * 64 * 10 * 3;
    const double block = 2.0 * 17 * (12 * 64 * 64) * 3 + 6 * 2.0 * 17 * 17 * 64;
    assert_true(fabs(od_graph_flops(model->graph) - (patches + 6 * block + head)) < 0.5);
    od_model_free(model);
}

static void expect_refusal(const od_spec *spec, od_status status, const char *text) {
    od_model *model;
    od_error error = {0};
    assert_int_equal(od_model_new(spec, true, &model, &error), status);
    if (strstr(error.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
    }
}

static void sizes_that_do_not_fit_are_refused(void **state) {
    (void)state;
    od_spec spec = nano();
    spec.model.heads = 5;
    expect_refusal(&spec, OD_E_INVALID, "heads is 5 and does not divide the width of 64");
    spec = nano();
    spec.model.patch_size = 5;
    expect_refusal(&spec, OD_E_INVALID, "patch_size is 5 and does not divide the image's 28");
    spec = nano();
    spec.model.depth = 0;
    expect_refusal(&spec, OD_E_INVALID, "give 1 or more");
    spec = nano();
    spec.model.depth = OD_SPEC_MAX_BLOCKS + 1;
    expect_refusal(&spec, OD_E_INVALID, "at most 256");
    spec = nano();
    snprintf(spec.model.arch, sizeof spec.model.arch, "mlp");
    expect_refusal(&spec, OD_E_UNSUPPORTED, "\"mlp\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_dict_is_the_references),
        cmocka_unit_test(patterns_have_their_scalars),
        cmocka_unit_test(flat_offsets_are_aligned),
        cmocka_unit_test(start_values_are_pytorchs),
        cmocka_unit_test(each_tensor_and_seed_has_its_own_draws),
        cmocka_unit_test(numbers_are_those_of_the_learnable),
        cmocka_unit_test(connections_follow_the_spec),
        cmocka_unit_test(flops_are_those_of_the_products),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests_name("vit", tests, NULL, NULL);
}
