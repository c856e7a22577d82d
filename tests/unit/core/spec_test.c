// SPDX-License-Identifier: Apache-2.0
// core/spec.c and core/spec_check.c: specs that have passed the real schema, so that a rule which
// the schema makes unreachable would be noticed.
#include "core/spec.h"

#include "base/json.h"
#include "base/schemas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static cJSON *parse(const char *text) {
    cJSON *json = NULL;
    od_error error = {0};
    if (od_json_parse(text, strlen(text), &json, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return json;
}

// With all defaults; text must fit the schema.
static cJSON *defaulted(const char *text) {
    cJSON *json = parse(text);
    od_schema *schema = NULL;
    od_faults faults = {0};
    assert_int_equal(od_schemas_job(&schema, NULL), OD_OK);
    assert_int_equal(od_schema_validate(schema, json, &faults), OD_OK);
    if (faults.count > 0) {
        fail_msg("%s: %s %s", text, faults.items[0].pointer, faults.items[0].detail);
    }
    assert_int_equal(od_schema_fill_defaults(schema, json), OD_OK);
    od_schema_free(schema);
    return json;
}

static void read_good(const char *text, od_spec *spec) {
    cJSON *json = defaulted(text);
    od_faults faults = {0};
    od_error error = {0};
    if (od_spec_read(json, 3, spec, &faults, &error) != OD_OK || faults.count > 0) {
        fail_msg("%s: %s %s", text, error.text, faults.count > 0 ? faults.items[0].detail : "");
    }
    od_faults_fini(&faults);
    cJSON_Delete(json);
}

#define FASHION "\"data\":{\"dataset\":\"fashion-mnist\"}"
#define VIT_N "\"model\":{\"arch\":\"vit\",\"preset\":\"N\"}"

static void defaults_are_read(void **state) {
    (void)state;
    static od_spec spec;
    read_good("{\"model\":{\"arch\":\"vit\"}," FASHION "}", &spec);
    assert_string_equal(spec.model.arch, "vit");
    assert_int_equal(spec.model.width, 384);
    assert_int_equal(spec.model.depth, 6);
    assert_int_equal(spec.model.heads, 6);
    assert_int_equal(spec.model.patch_size, 7);
    assert_int_equal(spec.model.image_size, 28);
    assert_int_equal(spec.model.channels, 1);
    assert_int_equal(spec.model.classes, 10);
    assert_int_equal(spec.residual.connection, OD_CONNECT_ORTHOGONAL);
    assert_true(spec.residual.eps == 1e-6f);
    for (int i = 0; i < OD_SPEC_MAX_BLOCKS; i++) {
        assert_true(spec.residual.orthogonal_block[i]);
    }
    assert_string_equal(spec.data.dataset, "fashion-mnist");
    assert_string_equal(spec.data.root, "/usr/share/datasets/fashion-mnist");
    assert_true(spec.data.mean[0] == 0.2860f && spec.data.std[0] == 0.3530f);
    assert_true(spec.data.shuffle);
    assert_int_equal(spec.data.limit_train, 0);
    assert_true(spec.data.augment);
    assert_int_equal(spec.data.randaugment_n, 9);
    assert_int_equal(spec.data.randaugment_m, 5);
    assert_true(spec.data.random_erase == 0);
    assert_false(spec.data.mixup.is_on);
    assert_int_equal(spec.train.epochs, 300);
    assert_int_equal(spec.train.max_steps, 0);
    assert_int_equal(spec.train.batch_size, 1024);
    assert_int_equal(spec.train.seed, 42);
    assert_true(spec.train.schedule.min_lr < 0);
    assert_int_equal(spec.train.schedule.decay_count, 2);
    assert_true(spec.train.grad_clip == 0);
    assert_int_equal(spec.eval_every_epochs, 1);
    assert_int_equal(spec.eval_every_steps, 0);
    assert_int_equal(spec.log_interval, 50);
    assert_true(spec.log_residual_stats);
    assert_int_equal(spec.checkpoint_every_steps, 5000);
    assert_int_equal(spec.checkpoint_every_epochs, 10);
    assert_int_equal(spec.checkpoint_keep, 3);
    assert_int_equal(spec.threads, 3);
}

static void everything_given_is_read(void **state) {
    (void)state;
    static od_spec spec;
    read_good(
        "{\"model\":{\"arch\":\"vit\",\"preset\":null,\"width\":80,\"depth\":2,\"heads\":5,"
        "\"patch_size\":14},"
        "\"residual\":{\"connection\":\"orthogonal\",\"method\":\"global\",\"eps\":1e-4,"
        "\"blocks\":[1],\"probability\":1,\"perturbation\":0},"
        "\"data\":{\"dataset\":\"mnist\",\"root\":\"/data/mnist\",\"shuffle\":false,\"augment\":"
        "\"none\",\"limit_train\":600,\"limit_eval\":100,\"randaugment\":{\"n\":2,\"m\":30},"
        "\"random_erase\":0.25,\"mixup\":{\"alpha\":0.7,\"cutmix_alpha\":0.9,\"prob\":0.6,"
        "\"switch_prob\":0.3}},"
        "\"train\":{\"epochs\":7,\"max_steps\":33,\"batch_size\":64,\"grad_accumulate_steps\":4,"
        "\"seed\":9007199254740991,"
        "\"optimizer\":{\"type\":\"sgd\",\"lr\":0.1,\"weight_decay\":0.02,\"beta1\":0.8,"
        "\"beta2\":0.99,\"momentum\":0.5},"
        "\"schedule\":{\"type\":\"step\",\"warmup_epochs\":0.5,\"warmup_type\":\"const\",\"min_"
        "lr\":"
        "1e-5,\"decay_epochs\":[1,2.5,4],\"decay_ratio\":0.3},"
        "\"grad_clip\":1.5,\"label_smoothing\":0.1,\"precision\":\"bf16\",\"gradient_"
        "checkpointing\":true},"
        "\"eval\":{\"every_epochs\":null,\"every_steps\":11},"
        "\"log\":{\"interval\":5,\"residual_stats\":false},"
        "\"checkpoint\":{\"every_steps\":null,\"every_epochs\":null,\"keep\":1},"
        "\"resources\":{\"device\":\"cpu\",\"threads\":2}}",
        &spec);
    assert_int_equal(spec.model.width, 80);
    assert_int_equal(spec.model.depth, 2);
    assert_int_equal(spec.model.heads, 5);
    assert_int_equal(spec.model.patch_size, 14);
    assert_true(spec.residual.eps == 1e-4f);
    assert_false(spec.residual.orthogonal_block[0]);
    assert_true(spec.residual.orthogonal_block[1]);
    assert_string_equal(spec.data.root, "/data/mnist");
    assert_true(spec.data.mean[0] == 0.0f && spec.data.std[0] == 1.0f);
    assert_false(spec.data.shuffle);
    assert_int_equal(spec.data.limit_train, 600);
    assert_int_equal(spec.data.limit_eval, 100);
    assert_false(spec.data.augment);
    assert_int_equal(spec.data.randaugment_n, 2);
    assert_int_equal(spec.data.randaugment_m, 30);
    assert_true(spec.data.random_erase == 0.25);
    assert_true(spec.data.mixup.is_on);
    assert_true(spec.data.mixup.alpha == 0.7 && spec.data.mixup.cutmix_alpha == 0.9);
    assert_true(spec.data.mixup.prob == 0.6 && spec.data.mixup.switch_prob == 0.3);
    assert_int_equal(spec.train.epochs, 7);
    assert_int_equal(spec.train.max_steps, 33);
    assert_int_equal(spec.train.batch_size, 64);
    assert_int_equal(spec.train.grad_accumulate_steps, 4);
    assert_true(spec.train.seed == 9007199254740991u);
    assert_int_equal(spec.train.optimizer.type, OD_OPTIMIZER_SGD);
    assert_true(spec.train.optimizer.lr == 0.1);
    assert_true(spec.train.optimizer.weight_decay == 0.02);
    assert_true(spec.train.optimizer.beta1 == 0.8);
    assert_true(spec.train.optimizer.beta2 == 0.99);
    assert_true(spec.train.optimizer.momentum == 0.5);
    assert_int_equal(spec.train.schedule.type, OD_SCHEDULE_STEP);
    assert_true(spec.train.schedule.warmup_epochs == 0.5);
    assert_true(spec.train.schedule.warmup_const);
    assert_true(spec.train.schedule.min_lr == 1e-5);
    assert_int_equal(spec.train.schedule.decay_count, 3);
    assert_true(spec.train.schedule.decay_epochs[1] == 2.5);
    assert_true(spec.train.schedule.decay_ratio == 0.3);
    assert_true(spec.train.grad_clip == 1.5);
    assert_true(spec.train.label_smoothing == 0.1);
    assert_int_equal(spec.train.precision, OD_PRECISION_BF16);
    assert_true(spec.train.gradient_checkpointing);
    assert_int_equal(spec.eval_every_epochs, 0);
    assert_int_equal(spec.eval_every_steps, 11);
    assert_int_equal(spec.log_interval, 5);
    assert_false(spec.log_residual_stats);
    assert_int_equal(spec.checkpoint_every_steps, 0);
    assert_int_equal(spec.checkpoint_every_epochs, 0);
    assert_int_equal(spec.checkpoint_keep, 1);
    assert_int_equal(spec.threads, 2);
}

static void presets_have_their_sizes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int width, depth, heads;
    } presets[] = {
        {"S", 384, 6, 6},    {"B", 768, 12, 12}, {"L", 1024, 24, 16},
        {"H", 1280, 32, 16}, {"Ti", 192, 6, 3},  {"N", 64, 6, 4},
    };
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        static od_spec spec;
        char text[256];
        snprintf(text, sizeof text, "{\"model\":{\"arch\":\"vit\",\"preset\":\"%s\"}," FASHION "}",
                 presets[i].name);
        read_good(text, &spec);
        assert_int_equal(spec.model.width, presets[i].width);
        assert_int_equal(spec.model.depth, presets[i].depth);
        assert_int_equal(spec.model.heads, presets[i].heads);
    }
}

static void connections_have_their_methods(void **state) {
    (void)state;
    static const struct {
        const char *residual;
        od_connection connection;
    } cases[] = {
        {"\"connection\":\"linear\"", OD_CONNECT_LINEAR},
        {"\"connection\":\"linear\",\"method\":\"global\"", OD_CONNECT_LINEAR},
        {"\"connection\":\"linear\",\"method\":\"negative\"", OD_CONNECT_NEGATIVE},
        {"\"connection\":\"linear\",\"blocks\":[0]", OD_CONNECT_LINEAR},
        {"\"connection\":\"orthogonal\",\"method\":\"feature\"", OD_CONNECT_ORTHOGONAL},
        {"\"connection\":\"orthogonal\",\"method\":\"global\"", OD_CONNECT_ORTHOGONAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static od_spec spec;
        char text[256];
        snprintf(text, sizeof text, "{" VIT_N "," FASHION ",\"residual\":{%s}}", cases[i].residual);
        read_good(text, &spec);
        assert_int_equal(spec.residual.connection, cases[i].connection);
    }
}

static void patterns_and_draws_are_read(void **state) {
    (void)state;
    static const struct {
        const char *residual;
        od_pattern pattern;
        float probability, perturbation;
        bool global;
    } cases[] = {
        {"\"pattern\":\"default\"", OD_PATTERN_DEFAULT, 1, 0, false},
        {"\"pattern\":\"rezero\",\"probability\":0", OD_PATTERN_REZERO, 0, 0, false},
        {"\"pattern\":\"rezero_constrained\",\"probability\":0.25", OD_PATTERN_REZERO_CONSTRAINED,
         0.25F, 0, false},
        {"\"pattern\":\"rescale_stream\",\"perturbation\":0.5", OD_PATTERN_RESCALE, 1, 0.5F, false},
        {"\"connection\":\"linear\",\"pattern\":\"rezero\"", OD_PATTERN_REZERO, 1, 0, false},
        {"\"method\":\"global\",\"probability\":1", OD_PATTERN_DEFAULT, 1, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static od_spec spec;
        char text[256];
        snprintf(text, sizeof text,
                 "{\"model\":{\"arch\":\"vit\",\"drop_path\":0.125,\"mlp_dropout\":0.25}," FASHION
                 ",\"residual\":{%s}}",
                 cases[i].residual);
        read_good(text, &spec);
        assert_int_equal(spec.residual.pattern, cases[i].pattern);
        assert_true(spec.residual.probability == cases[i].probability);
        assert_true(spec.residual.perturbation == cases[i].perturbation);
        assert_int_equal(spec.residual.global, cases[i].global);
        assert_true(spec.model.drop_path == 0.125F && spec.model.mlp_dropout == 0.25F);
    }
}

// The faults of text are exactly those of expected, "pointer detail" each, in this order.
static void expect_faults(const char *text, const char *const *expected, size_t count) {
    static od_spec spec;
    cJSON *json = defaulted(text);
    od_faults faults = {0};
    assert_int_equal(od_spec_read(json, 1, &spec, &faults, NULL), OD_OK);
    for (size_t i = 0; i < faults.count && i < count; i++) {
        char fault[512];
        snprintf(fault, sizeof fault, "%s %s", faults.items[i].pointer, faults.items[i].detail);
        assert_string_equal(fault, expected[i]);
    }
    if (faults.count != count) {
        fail_msg("%s: %zu faults; expected %zu", text, faults.count, count);
    }
    od_faults_fini(&faults);
    cJSON_Delete(json);
}

static void each_fault_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"{\"model\":{\"arch\":\"resnet18\"}," FASHION ",\"residual\":{\"blocks\":[0,8]}}",
         "/residual/blocks/1 is 8; the model's blocks are 0 to 7"},
        {"{\"model\":{\"arch\":\"resnet18\",\"drop_path\":0.5}," FASHION "}",
         "/model/drop_path is 0.5, which goes with vit only; give 0"},
        {"{\"model\":{\"arch\":\"resnet18\",\"mlp_dropout\":0.25}," FASHION "}",
         "/model/mlp_dropout is 0.25, which goes with vit only; give 0"},
        {"{\"model\":{\"arch\":\"vit\",\"heads\":5}," FASHION "}",
         "/model/heads is 5 and does not divide the width of 384; give a divisor"},
        {"{\"model\":{\"arch\":\"vit\",\"patch_size\":5}," FASHION "}",
         "/model/patch_size is 5 and does not divide the image's side of 28; give one of 1, 2, 4, "
         "7, "
         "14, 28"},
        {"{\"model\":{\"arch\":\"vit\",\"preset\":null,\"width\":64,\"heads\":4}," FASHION "}",
         "/model/depth is null, and model.preset is null too; give one of them"},
        {"{" VIT_N "," FASHION ",\"residual\":{\"method\":\"negative\"}}",
         "/residual/method is \"negative\", which goes with the linear connection only"},
        {"{" VIT_N "," FASHION ",\"residual\":{\"connection\":\"linear\",\"method\":\"negative\","
         "\"pattern\":\"rezero\"}}",
         "/residual/pattern is \"rezero\"; the method \"negative\" takes no pattern; give "
         "\"default\""},
        {"{" VIT_N "," FASHION ",\"residual\":{\"rescale_mode\":\"conv1x1\"}}",
         "/residual/rescale_mode is \"conv1x1\", which goes with a resnet only; give \"scalar\""},
        {"{" VIT_N "," FASHION ",\"residual\":{\"pattern\":\"rescale_stream\",\"rescale_mode\":"
         "\"conv1x1\"}}",
         "/residual/rescale_mode is \"conv1x1\", which goes with a resnet only; give \"scalar\""},
        {"{" VIT_N "," FASHION ",\"residual\":{\"connection\":\"linear\",\"probability\":0.5}}",
         "/residual/probability is 0.5, which goes with the orthogonal connection only; give null"},
        {"{" VIT_N "," FASHION ",\"residual\":{\"eps\":1e-60}}",
         "/residual/eps is too small for float32; give 1.17549e-38 or more"},
        {"{" VIT_N "," FASHION ",\"residual\":{\"blocks\":[0,6]}}",
         "/residual/blocks/1 is 6; the model's blocks are 0 to 5"},
        {"{" VIT_N ",\"data\":{\"dataset\":\"mnist\",\"root\":\"data/mnist\"}}",
         "/data/root is relative; a spec must mean the same everywhere: give a path from /"},
        {"{" VIT_N "," FASHION ",\"train\":{\"precision\":\"fp16\"}}",
         "/train/precision is \"fp16\", which needs a GPU; give \"bf16\" or \"fp32\""},
        {"{" VIT_N "," FASHION ",\"train\":{\"batch_size\":128,\"grad_accumulate_steps\":3}}",
         "/train/grad_accumulate_steps is 3 and does not divide the batch_size of 128; give a "
         "divisor"},
        {"{" VIT_N "," FASHION ",\"train\":{\"schedule\":{\"warmup_type\":\"const\"}}}",
         "/train/schedule/warmup_type is \"const\", which goes with the schedule \"step\" only; "
         "give "
         "\"linear\""},
        {"{" VIT_N "," FASHION ",\"init_from\":\"a/b\"}",
         "/init_from is relative; a spec must mean the same everywhere: give a path from /"},
        {"{" VIT_N "," FASHION ",\"resources\":{\"device\":\"cuda:GPU-1\"}}",
         "/resources/device is \"cuda:GPU-1\"; this version computes on the CPU only; give "
         "\"auto\" "
         "or \"cpu\""},
        {"{" VIT_N "," FASHION ",\"resources\":{\"count\":2}}",
         "/resources/count is 2; this version computes on one device; give 1"},
        {"{" VIT_N ",\"data\":{\"dataset\":\"mnist\",\"mixup\":{\"alpha\":0,\"cutmix_alpha\":0}}}",
         "/data/mixup/alpha is 0, and cutmix_alpha is 0 too; give one of them more, or null in the "
         "place of mixup"},
        {"{" VIT_N ",\"data\":{\"dataset\":\"mnist\",\"mixup\":{}},\"train\":{\"batch_size\":30,"
         "\"grad_accumulate_steps\":2}}",
         "/train/batch_size is 30 in 2 parts of 15 images; mixup mixes pairs and takes parts of an "
         "even number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_faults(cases[i].text, &cases[i].fault, 1);
    }
}

static void faults_come_all_at_once(void **state) {
    (void)state;
    static const char *const expected[] = {
        "/train/precision is \"fp16\", which needs a GPU; give \"bf16\" or \"fp32\"",
        "/model/heads is 5 and does not divide the width of 384; give a divisor",
        "/model/patch_size is 5 and does not divide the image's side of 32; give one of 1, 2, 4, "
        "8, "
        "16, 32",
        "/residual/blocks/0 is 9; the model's blocks are 0 to 5",
    };
    expect_faults(
        "{\"model\":{\"arch\":\"vit\",\"heads\":5,\"patch_size\":5},\"data\":{\"dataset\":"
        "\"cifar10\"},\"residual\":{\"blocks\":[9]},\"train\":{\"precision\":\"fp16\"}}",
        expected, sizeof expected / sizeof expected[0]);
}

// What a rule reads and the schema has found at fault makes it silent; it is not silent otherwise.
static void known_faults_silence_what_follows_from_them(void **state) {
    (void)state;
    static const char text[] =
        "{\"model\":{\"arch\":\"vit\",\"heads\":5,\"patch_size\":5}," FASHION
        ",\"residual\":{\"blocks\":[9]},\"train\":{\"batch_size\":64,\"grad_accumulate_steps\":3},"
        "\"resources\":{\"count\":2}}";
    static const struct {
        const char *known, *silenced;
    } cases[] = {
        {"/model/width", "/model/heads"},
        {"/model/preset", "/model/heads /residual/blocks/0"},
        {"/model", "/model/heads /model/patch_size /residual/blocks/0"},
        {"/data/dataset", "/model/patch_size"},
        {"/train/batch_size", "/train/grad_accumulate_steps"},
        {"/resources/count", "/resources/count"},
        {"/residual/blocks/0/x", "/residual/blocks/0"},
        {"/name", ""},
    };
    static const char *const all[] = {"/resources/count", "/model/heads", "/model/patch_size",
                                      "/residual/blocks/0", "/train/grad_accumulate_steps"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static od_spec spec;
        cJSON *json = defaulted(text);
        od_faults faults = {0};
        size_t next = 1;
        assert_int_equal(od_faults_add(&faults, cases[i].known, "is wrong"), OD_OK);
        assert_int_equal(od_spec_read(json, 1, &spec, &faults, NULL), OD_OK);
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
            if (strstr(cases[i].silenced, all[k]) == NULL) {
                assert_true(next < faults.count);
                assert_string_equal(faults.items[next++].pointer, all[k]);
            }
        }
        assert_int_equal(faults.count, next);
        od_faults_fini(&faults);
        cJSON_Delete(json);
    }
}

static void a_spec_without_defaults_is_the_callers_mistake(void **state) {
    (void)state;
    static od_spec spec;
    od_error error = {0};
    od_faults faults = {0};
    cJSON *json = parse("{" VIT_N "," FASHION "}");
    assert_int_equal(od_spec_read(json, 1, &spec, &faults, &error), OD_E_INVALID);
    assert_string_equal(error.text, "model.width is missing or of another type: the spec has not "
                                    "passed the schema");
    assert_int_equal(faults.count, 0);
    cJSON_Delete(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_read),
        cmocka_unit_test(everything_given_is_read),
        cmocka_unit_test(presets_have_their_sizes),
        cmocka_unit_test(connections_have_their_methods),
        cmocka_unit_test(patterns_and_draws_are_read),
        cmocka_unit_test(each_fault_is_named),
        cmocka_unit_test(faults_come_all_at_once),
        cmocka_unit_test(known_faults_silence_what_follows_from_them),
        cmocka_unit_test(a_spec_without_defaults_is_the_callers_mistake),
    };
    return cmocka_run_group_tests_name("core/spec", tests, NULL, NULL);
}
