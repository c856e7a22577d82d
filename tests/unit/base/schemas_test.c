// SPDX-License-Identifier: Apache-2.0
// The embedded schemas and recipes: defaults, limits and what is said about specs that break them.
#include "base/schemas.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char minimal[] = "{\"model\":{\"arch\":\"vit\"},\"data\":{\"dataset\":\"cifar10\"}}";

static cJSON *parse(const char *text) {
    cJSON *value = NULL;
    od_error error = {0};
    if (od_json_parse(text, strlen(text), &value, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

static int load_job_schema(void **state) {
    od_error error = {0};
    if (od_schemas_job((od_schema **)state, &error) != OD_OK) {
        fail_msg("%s", error.text);
    }
    return 0;
}

static int free_schema(void **state) {
    od_schema_free(*state);
    return 0;
}

static void expect_valid(const od_schema *schema, const cJSON *value) {
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, value, &faults), OD_OK);
    if (faults.count > 0) {
        fail_msg("%s %s", faults.items[0].pointer, faults.items[0].detail);
    }
    od_faults_fini(&faults);
}

// Sets path in the minimal spec to value (JSON) and expects this one fault, or none (NULL).
static void expect_fault(const od_schema *schema, const char *path, const char *value,
                         const char *detail) {
    cJSON *spec = parse(minimal);
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        char parent[64];
        snprintf(parent, sizeof parent, "%.*s", (int)(dot - path), path);
        if (od_json_at(spec, parent) == NULL) {
            assert_int_equal(od_json_set(spec, parent, cJSON_CreateObject()), OD_OK);
        }
    }
    assert_int_equal(od_json_set(spec, path, parse(value)), OD_OK);
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, spec, &faults), OD_OK);
    if (faults.count != (detail != NULL)) {
        fail_msg("%s = %s: %zu faults, the first: %s", path, value, faults.count,
                 faults.count > 0 ? faults.items[0].detail : "");
    }
    if (detail != NULL) {
        char pointer[128] = "/";
        snprintf(pointer + 1, sizeof pointer - 1, "%s", path);
        for (char *dot = strchr(pointer, '.'); dot != NULL; dot = strchr(dot, '.')) {
            *dot = '/';
        }
        assert_string_equal(faults.items[0].pointer, pointer);
        assert_string_equal(faults.items[0].detail, detail);
    }
    od_faults_fini(&faults);
    cJSON_Delete(spec);
}

// The whole spec of the documentation, with the defaults that the schema states.
static void defaults_fill_the_whole_spec_in_order(void **state) {
    const char *expected =
        "{\"name\":\"\",\"notes\":\"\",\"labels\":{},"
        "\"model\":{\"arch\":\"vit\",\"preset\":\"S\",\"width\":null,\"depth\":null,\"heads\":null,"
        "\"patch_size\":null,\"drop_path\":0,\"mlp_dropout\":0,\"layernorm_head\":false},"
        "\"residual\":{\"connection\":\"orthogonal\",\"method\":\"feature\",\"pattern\":"
        "\"default\","
        "\"rescale_mode\":\"scalar\",\"eps\":1e-06,\"blocks\":null,\"probability\":null,"
        "\"perturbation\":null},"
        "\"data\":{\"dataset\":\"cifar10\",\"root\":null,\"shuffle\":true,\"augment\":\"auto\","
        "\"on_error\":\"fail\","
        "\"limit_train\":null,\"limit_eval\":null,\"mixup\":null,"
        "\"randaugment\":{\"n\":9,\"m\":5},\"random_erase\":0},"
        "\"train\":{\"epochs\":300,\"max_steps\":null,\"batch_size\":1024,"
        "\"grad_accumulate_steps\":1,\"precision\":\"fp32\",\"seed\":42,"
        "\"optimizer\":{\"type\":\"adam\",\"lr\":0.001,\"weight_decay\":0.0001,\"beta1\":0.9,"
        "\"beta2\":0.999,\"momentum\":0.9},"
        "\"schedule\":{\"type\":\"cos\",\"warmup_epochs\":10,\"warmup_type\":\"linear\","
        "\"min_lr\":null,\"decay_epochs\":[80,120],\"decay_ratio\":0.2},"
        "\"grad_clip\":null,\"label_smoothing\":0,\"gradient_checkpointing\":false},"
        "\"eval\":{\"every_epochs\":1,\"every_steps\":null},"
        "\"log\":{\"interval\":50,\"residual_stats\":true},"
        "\"checkpoint\":{\"every_steps\":5000,\"every_epochs\":10,\"keep\":3},"
        "\"init_from\":null,"
        "\"resources\":{\"device\":\"auto\",\"count\":1,\"threads\":null,\"time_limit_s\":null},"
        "\"queue\":{\"priority\":0,\"after\":[],\"after_any\":[],\"retries\":1}}";
    cJSON *spec = parse(minimal);
    expect_valid(*state, spec);
    assert_int_equal(od_schema_fill_defaults(*state, spec), OD_OK);
    char *text = od_json_print(spec);
    assert_string_equal(text, expected);
    free(text);
    expect_valid(*state, spec);
    cJSON_Delete(spec);
}

static void defaults_leave_what_is_given(void **state) {
    cJSON *spec = parse("{\"queue\":{\"retries\":0},\"train\":{\"optimizer\":{\"lr\":0.5}},"
                        "\"data\":{\"mixup\":{\"alpha\":0.1},\"randaugment\":null,"
                        "\"dataset\":\"mnist\"},\"model\":{\"arch\":\"vit\"},"
                        "\"labels\":{\"a\":\"b\"}}");
    assert_int_equal(od_schema_fill_defaults(*state, spec), OD_OK);
    assert_int_equal(od_json_at(spec, "queue.retries")->valueint, 0);
    assert_int_equal(od_json_at(spec, "queue.priority")->valueint, 0);
    assert_true(od_json_at(spec, "train.optimizer.lr")->valuedouble == 0.5);
    assert_true(od_json_at(spec, "train.optimizer.beta2")->valuedouble == 0.999);
    assert_true(od_json_at(spec, "data.mixup.alpha")->valuedouble == 0.1);
    assert_true(od_json_at(spec, "data.mixup.switch_prob")->valuedouble == 0.5);
    assert_true(cJSON_IsNull(od_json_at(spec, "data.randaugment")));
    assert_string_equal(od_json_at(spec, "labels.a")->valuestring, "b");
    expect_valid(*state, spec);
    cJSON_Delete(spec);
}

static void every_field_has_its_limits(void **state) {
    static const struct {
        const char *path, *value, *detail;
    } cases[] = {
        {"name", "7", "is 7; must be a string"},
        {"notes", "null", "is null; must be a string"},
        {"labels", "[]", "is an array; must be an object"},
        {"labels.x", "1", "is 1; must be a string"},
        {"labels.x", "\"1\"", NULL},
        {"model.arch", "\"vjt\"",
         "is \"vjt\"; one of vit, resnet18, resnet34, resnet50, resnet101, resnet152"},
        {"model.arch", "\"resnet152\"", NULL},
        {"model.preset", "\"XL\"", "is \"XL\"; one of S, B, L, H, Ti, N, null"},
        {"model.preset", "null", NULL},
        {"model.width", "0", "is 0; the minimum is 1"},
        {"model.width", "64.5", "is 64.5; must be an integer or null"},
        {"model.width", "64.0", NULL},
        {"model.depth", "129", "is 129; the maximum is 128"},
        {"model.heads", "\"3\"", "is \"3\"; must be an integer or null"},
        {"model.patch_size", "-1", "is -1; the minimum is 1"},
        {"model.drop_path", "1", "is 1; must be less than 1"},
        {"model.mlp_dropout", "-0.1", "is -0.1; the minimum is 0"},
        {"model.layernorm_head", "1", "is 1; must be true or false"},
        {"residual.connection", "\"orthogonl\"", "is \"orthogonl\"; one of linear, orthogonal"},
        {"residual.method", "\"local\"", "is \"local\"; one of feature, global, negative"},
        {"residual.pattern", "null", "is null; must be a string"},
        {"residual.rescale_mode", "\"conv\"", "is \"conv\"; one of scalar, conv1x1"},
        {"residual.eps", "0", "is 0; must be greater than 0"},
        {"residual.blocks", "[0,3]", NULL},
        {"residual.blocks", "[]", NULL},
        {"residual.blocks", "[1,2,1]", "has equal items at 0 and 2; all must differ"},
        {"residual.blocks", "3", "is 3; must be an array or null"},
        {"residual.probability", "1.5", "is 1.5; the maximum is 1"},
        {"residual.perturbation", "-1", "is -1; the minimum is 0"},
        {"data.dataset", "\"cifar\"",
         "is \"cifar\"; one of mnist, fashion-mnist, cifar10, cifar100, tiny-imagenet, imagenet1k"},
        {"data.root", "\"\"", "has 0 characters; the minimum is 1"},
        {"data.shuffle", "\"yes\"", "is \"yes\"; must be true or false"},
        {"data.augment", "\"all\"", "is \"all\"; one of auto, none"},
        {"data.limit_train", "0", "is 0; the minimum is 1"},
        {"data.limit_eval", "1e10", "is 10000000000; the maximum is 1000000000"},
        {"data.mixup", "{}", NULL},
        {"data.mixup", "0.8", "is 0.8; must be an object or null"},
        {"data.mixup.alpha", "-1", "is -1; the minimum is 0"},
        {"data.randaugment.m", "31", "is 31; the maximum is 30"},
        {"data.random_erase", "true", "is true; must be a number"},
        {"train.epochs", "0", "is 0; the minimum is 1"},
        {"train.epochs", "\"ten\"", "is \"ten\"; must be an integer"},
        {"train.max_steps", "1", NULL},
        {"train.batch_size", "65537", "is 65537; the maximum is 65536"},
        {"train.grad_accumulate_steps", "null", "is null; must be an integer"},
        {"train.precision", "\"fp64\"", "is \"fp64\"; one of fp32, bf16, fp16"},
        {"train.seed", "-1", "is -1; the minimum is 0"},
        {"train.seed", "9007199254740991", NULL},
        {"train.seed", "9007199254740993", "is 9007199254740992; the maximum is 9007199254740991"},
        {"train.seed", "1e300", "is 1e+300; the maximum is 9007199254740991"},
        {"train.optimizer.type", "\"lion\"", "is \"lion\"; one of adam, adamw, sgd"},
        {"train.optimizer.lr", "-0.1", "is -0.1; the minimum is 0"},
        {"train.optimizer.beta2", "1", "is 1; must be less than 1"},
        {"train.schedule.type", "\"cosine\"", "is \"cosine\"; one of cos, lin, const, step"},
        {"train.schedule.warmup_epochs", "0.25", NULL},
        {"train.schedule.warmup_epochs", "-1", "is -1; the minimum is 0"},
        {"train.schedule.decay_epochs", "[1.5]", NULL},
        {"train.schedule.decay_ratio", "0", "is 0; must be greater than 0"},
        {"train.grad_clip", "0", "is 0; must be greater than 0"},
        {"train.label_smoothing", "1", "is 1; must be less than 1"},
        {"eval.every_epochs", "null", NULL},
        {"eval.every_steps", "0.5", "is 0.5; must be an integer or null"},
        {"log.interval", "0", "is 0; the minimum is 1"},
        {"checkpoint.keep", "0", "is 0; the minimum is 1"},
        {"init_from", "\"/x/model.safetensors\"", NULL},
        {"init_from", "1", "is 1; must be a string or null"},
        {"resources.device", "\"cuda:GPU-5a1b-22\"", NULL},
        {"resources.device", "\"cuda:0;rm\"",
         "is \"cuda:0;rm\"; must match ^(auto|cpu|cuda(:[A-Za-z0-9-]{1,100})?)$"},
        {"resources.device", "\"gpu\"",
         "is \"gpu\"; must match ^(auto|cpu|cuda(:[A-Za-z0-9-]{1,100})?)$"},
        {"resources.device", "\"cpu\\n\"",
         "is \"cpu\\u000a\"; must match ^(auto|cpu|cuda(:[A-Za-z0-9-]{1,100})?)$"},
        {"resources.count", "0", "is 0; the minimum is 1"},
        {"resources.threads", "0", "is 0; the minimum is 1"},
        {"resources.time_limit_s", "0", "is 0; the minimum is 1"},
        {"queue.priority", "1001", "is 1001; the maximum is 1000"},
        {"queue.after", "null", "is null; must be an array"},
        {"queue.after", "[1,2]", NULL},
        {"queue.retries", "-1", "is -1; the minimum is 0"},
        {"train.epoch", "3", "unknown key; did you mean \"epochs\"?"},
        {"trian", "{}", "unknown key; did you mean \"train\"?"},
        {"train.optimizer.learning_rate", "1",
         "unknown key; known here: type, lr, weight_decay, beta1, beta2, momentum"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_fault(*state, cases[i].path, cases[i].value, cases[i].detail);
    }
}

static void long_texts_have_limits(void **state) {
    char text[420];
    // 200 characters of two bytes each are allowed, one more is not.
    text[0] = '"';
    for (int i = 0; i < 201; i++) {
        memcpy(text + 1 + 2 * i, "\xc3\xa9", 2);
    }
    memcpy(text + 401, "\"", 2);
    expect_fault(*state, "name", text, NULL);
    memcpy(text + 401, "\xc3\xa9\"", 4);
    expect_fault(*state, "name", text, "has 201 characters; the maximum is 200");
}

static void recipes_are_valid(void **state) {
    od_schema *experiment_schema = NULL;
    assert_int_equal(od_schemas_experiment(&experiment_schema, NULL), OD_OK);
    int experiments = 0;
    int jobs = 0;
    for (const od_embedded_file *file = od_recipes_embedded; file->name != NULL; file++) {
        cJSON *recipe = parse((const char *)file->data);
        bool is_experiment = cJSON_HasObjectItem(recipe, "base");
        expect_valid(is_experiment ? experiment_schema : *state, recipe);
        if (is_experiment) {
            expect_valid(*state, cJSON_GetObjectItem(recipe, "base"));
        }
        experiments += is_experiment;
        jobs += !is_experiment;
        cJSON_Delete(recipe);
    }
    assert_true(experiments >= 1);
    assert_true(jobs >= 1);
    od_schema_free(experiment_schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_fill_the_whole_spec_in_order, load_job_schema,
                                        free_schema),
        cmocka_unit_test_setup_teardown(defaults_leave_what_is_given, load_job_schema, free_schema),
        cmocka_unit_test_setup_teardown(every_field_has_its_limits, load_job_schema, free_schema),
        cmocka_unit_test_setup_teardown(long_texts_have_limits, load_job_schema, free_schema),
        cmocka_unit_test_setup_teardown(recipes_are_valid, load_job_schema, free_schema),
    };
    return cmocka_run_group_tests_name("schemas", tests, NULL, NULL);
}
