// SPDX-License-Identifier: Apache-2.0
// base/recipe*.c: every option's place, kind and default; faults with keys and lines; and that the
// reference's eleven recipes, as texts with the same values, are this project's recipes.
#include "base/recipe.h"

#include "base/json.h"
#include "base/schemas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static od_recipe *recipe_of(const char *text) {
    od_recipe *recipe = NULL;
    od_error error = {0};
    if (od_recipe_new(text, strlen(text), &recipe, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return recipe;
}

static cJSON *translate_well(od_recipe *recipe, const char *text) {
    cJSON *spec = NULL;
    od_faults faults = {0};
    assert_int_equal(od_recipe_translate(recipe, &spec, &faults), OD_OK);
    if (faults.count > 0) {
        fail_msg("%s: %s %s", text, faults.items[0].pointer, faults.items[0].detail);
    }
    return spec;
}

static cJSON *spec_of(const char *text) {
    od_recipe *recipe = recipe_of(text);
    cJSON *spec = translate_well(recipe, text);
    od_recipe_free(recipe);
    return spec;
}

static void defaults_are_the_references(void **state) {
    (void)state;
    cJSON *spec = spec_of("{}");
    char *text = od_json_print(spec);
    assert_string_equal(
        text,
        "{\"model\":{\"arch\":\"vit\",\"preset\":\"B\",\"drop_path\":0,\"mlp_dropout\":0,"
        "\"layernorm_head\":false},"
        "\"residual\":{\"method\":\"feature\",\"pattern\":\"default\",\"rescale_mode\":\"scalar\","
        "\"eps\":1e-06,\"blocks\":null,\"probability\":null,\"perturbation\":null,"
        "\"connection\":\"linear\"},"
        "\"data\":{\"mixup\":null,\"randaugment\":{\"n\":3,\"m\":7},\"dataset\":\"mnist\","
        "\"random_erase\":0},"
        "\"train\":{\"optimizer\":{\"type\":\"adam\",\"lr\":0.0001,\"weight_decay\":0.001,"
        "\"beta1\":0.9,\"beta2\":0.999,\"momentum\":0.9},"
        "\"schedule\":{\"type\":\"cos\",\"warmup_epochs\":5,\"warmup_type\":\"linear\","
        "\"min_lr\":null},"
        "\"epochs\":30,\"max_steps\":600000,\"batch_size\":128,\"grad_accumulate_steps\":1,"
        "\"precision\":\"fp32\",\"seed\":42,\"grad_clip\":null,\"label_smoothing\":0.1,"
        "\"gradient_checkpointing\":false},"
        "\"log\":{\"interval\":50,\"residual_stats\":false},"
        "\"checkpoint\":{\"every_steps\":5000,\"every_epochs\":10},"
        "\"name\":\"vit-b-mnist\"}");
    free(text);
    cJSON_Delete(spec);
}

// Each option goes to its place and leaves everything else as the text without it has it.
static void every_option_has_its_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *path, *value; // value NULL: the path is not there
    } cases[] = {
        {"model: resnet50", "model.arch", "\"resnet50\""},
        {"model: resnet50", "model.preset", NULL},
        {"preset: S", "model.preset", "\"S\""},
        {"drop_path: 0.1", "model.drop_path", "0.1"},
        {"mlp_dropout: .25", "model.mlp_dropout", "0.25"},
        {"is_layernorm_classifier: true", "model.layernorm_head", "true"},
        {"orthogonal_residual: true", "residual.connection", "\"orthogonal\""},
        {"orthogonal_residual: false", "residual.connection", "\"linear\""},
        {"orthogonal_method: global", "residual.method", "\"global\""},
        {"residual_pattern: rezero", "residual.pattern", "\"rezero\""},
        {"residual_pattern: none", "residual.pattern", "\"default\""},
        {"residual_pattern: rescale_stream", "residual.pattern", "\"rescale_stream\""},
        {"residual_pattern: rezero_constrained", "residual.pattern", "\"rezero_constrained\""},
        {"residual_rescale_mode: conv1x1", "residual.rescale_mode", "\"conv1x1\""},
        {"orthogonal_eps: 1e-5", "residual.eps", "1e-5"},
        {"orthogonal_pattern: \"0,2,4\"", "residual.blocks", "[0,2,4]"},
        {"orthogonal_pattern: 3", "residual.blocks", "[3]"},
        {"orthogonal_pattern: 0, 2 ,4", "residual.blocks", "[0,2,4]"},
        {"orthogonal_pattern: '1'", "residual.connection", "\"orthogonal\""},
        {"orthogonal_prob: 0.5", "residual.probability", "0.5"},
        {"orthogonal_prob: 0.5", "residual.connection", "\"orthogonal\""},
        {"{orthogonal_prob: 0.5, orthogonal_pattern: '1'}", "residual.blocks", "null"},
        {"orthogonal_perturbation: 0.01", "residual.perturbation", "0.01"},
        {"dataset: tiny-imagenet", "data.dataset", "\"tiny-imagenet\""},
        {"use_mixup: true", "data.mixup",
         "{\"alpha\":0.2,\"cutmix_alpha\":1,\"prob\":0.5,\"switch_prob\":0.5}"},
        {"{use_mixup: true, mixup_alpha: 0.8}", "data.mixup.alpha", "0.8"},
        {"{use_mixup: true, cutmix_alpha: 0}", "data.mixup.cutmix_alpha", "0"},
        {"{use_mixup: true, mixup_prob: 1.0}", "data.mixup.prob", "1"},
        {"{use_mixup: true, cutmix_switch_prob: 0.3}", "data.mixup.switch_prob", "0.3"},
        {"mixup_alpha: 0.8", "data.mixup", "null"},
        {"randaugment_N: 9", "data.randaugment.n", "9"},
        {"randaugment_M: 5", "data.randaugment.m", "5"},
        {"randaugment_N: 0", "data.randaugment", "null"},
        {"random_erase: 0.25", "data.random_erase", "0.25"},
        {"epochs: 300", "train.epochs", "300"},
        {"max_train_steps: 10", "train.max_steps", "10"},
        {"max_train_steps:", "train.max_steps", "null"},
        {"global_batch_size: 4096", "train.batch_size", "4096"},
        {"grad_accumulate_steps: 2", "train.grad_accumulate_steps", "2"},
        {"use_amp: true", "train.precision", "\"bf16\""},
        {"{use_amp: true, amp_dtype: float16}", "train.precision", "\"fp16\""},
        {"amp_dtype: float16", "train.precision", "\"fp32\""},
        {"seed: 9007199254740991", "train.seed", "9007199254740991"},
        {"optimizer: sgd", "train.optimizer.type", "\"sgd\""},
        {"lr: 1.0e-3", "train.optimizer.lr", "0.001"},
        {"lr: 1.0e-1", "train.optimizer.lr", "0.1"},
        {"lr: 1e-3", "train.optimizer.lr", "0.001"},
        {"lr: '5E+1'", "train.optimizer.lr", "50"},
        {"lr: +.5", "train.optimizer.lr", "0.5"},
        {"lr: 1.", "train.optimizer.lr", "1"},
        {"weight_decay: 0.0005", "train.optimizer.weight_decay", "0.0005"},
        {"adam_beta1: 0.8", "train.optimizer.beta1", "0.8"},
        {"adam_beta2: 0.99", "train.optimizer.beta2", "0.99"},
        {"momentum: 0", "train.optimizer.momentum", "0"},
        {"lr_scheduler_type: lin", "train.schedule.type", "\"lin\""},
        {"warmup_epoch: 0.5", "train.schedule.warmup_epochs", "0.5"},
        {"{lr_scheduler_type: step, lr_scheduler_decay_epoch: 5, warmup_type: const}",
         "train.schedule.warmup_type", "\"const\""},
        {"warmup_type: const", "train.schedule.warmup_type", "\"linear\""},
        {"warmup_const: 0.1", "train.schedule.warmup_type", "\"linear\""},
        {"min_lr: 1.0e-5", "train.schedule.min_lr", "1e-5"},
        {"lr_scheduler_type: step\nlr_scheduler_decay_epoch: 80,120", "train.schedule.decay_epochs",
         "[80,120]"},
        {"lr_scheduler_type: step\nlr_scheduler_decay_epoch: 8", "train.schedule.decay_ratio",
         "0.1"},
        {"lr_scheduler_type: step\nlr_scheduler_decay_epoch: 8\nlr_scheduler_decay_ratio: 0.2",
         "train.schedule.decay_ratio", "0.2"},
        {"lr_scheduler_decay_ratio: 0.2", "train.schedule.decay_ratio", NULL},
        {"lr_scheduler_decay_epoch: 1,2", "train.schedule.decay_epochs", NULL},
        {"grad_clip: 1.0", "train.grad_clip", "1"},
        {"grad_clip:         None", "train.grad_clip", "null"},
        {"grad_clip:", "train.grad_clip", "null"},
        {"grad_clip: ~", "train.grad_clip", "null"},
        {"grad_clip: null", "train.grad_clip", "null"},
        {"label_smoothing: 0.0", "train.label_smoothing", "0"},
        {"gradient_checkpointing: torch", "train.gradient_checkpointing", "true"},
        {"gradient_checkpointing: unsloth", "train.gradient_checkpointing", "true"},
        {"gradient_checkpointing: none", "train.gradient_checkpointing", "false"},
        {"log_interval: 5", "log.interval", "5"},
        {"log_activations: true", "log.residual_stats", "true"},
        {"log_activations: Yes", "log.residual_stats", "true"},
        {"log_activations: ON", "log.residual_stats", "true"},
        {"log_activations: 1", "log.residual_stats", "true"},
        {"log_activations: off", "log.residual_stats", "false"},
        {"log_activations:", "log.residual_stats", "false"},
        {"save_every_steps: 7", "checkpoint.every_steps", "7"},
        {"save_every_epochs: None", "checkpoint.every_epochs", "null"},
        {"{dataset: cifar10, preset: S}", "name", "\"vit-s-cifar10\""},
        {"{dataset: cifar10, model: resnet18}", "name", "\"resnet18-cifar10\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *spec = spec_of(cases[i].text);
        cJSON *found = od_json_at(spec, cases[i].path);
        cJSON *expected = cases[i].value != NULL ? cJSON_Parse(cases[i].value) : NULL;
        if ((found == NULL) != (expected == NULL) ||
            (found != NULL && !od_json_equal(found, expected))) {
            char *text = found != NULL ? od_json_print(found) : NULL;
            fail_msg("%s: %s is %s", cases[i].text, cases[i].path, text);
        }
        cJSON_Delete(expected);
        cJSON_Delete(spec);
    }
}

static void expect_list(const od_faults *faults, const char *const (*expected)[2], size_t count,
                        const char *text) {
    for (size_t i = 0; i < faults->count && i < count; i++) {
        if (strcmp(faults->items[i].pointer, expected[i][0]) != 0 ||
            strcmp(faults->items[i].detail, expected[i][1]) != 0) {
            fail_msg("%s: %s %s", text, faults->items[i].pointer, faults->items[i].detail);
        }
    }
    assert_int_equal(faults->count, count);
}

static void what_is_left_aside_is_a_warning(void **state) {
    (void)state;
    static const char text[] = "model: vit\n"
                               "project: x\n"
                               "results_dir: y\n"
                               "torch_compile: true\n"
                               "torch_compile_mode: max-autotune\n"
                               "torch_compile_backend: inductor\n"
                               "config_file: z\n"
                               "debug: [1, 2]\n"
                               "wandb_entity: {a: 1}\n"
                               "wandb: off\n"
                               "learning_rate: 1\n"
                               "weight_dekay: [1]\n"
                               "a/b~c: 1\n"
                               "warmup_type: const\n"
                               "orthogonal_prob: 0.5\n"
                               "orthogonal_pattern: 1\n";
    static const char *const expected[][2] = {
        {"/learning_rate", "line 11: no option has this name; it is left aside"},
        {"/weight_dekay", "line 12: no option has this name; it is left aside; did you mean "
                          "\"weight_decay\"?"},
        {"/a~1b~0c", "line 13: no option has this name; it is left aside"},
        {"/orthogonal_pattern", "line 16: has no effect where orthogonal_prob is given"},
        {"/warmup_type", "line 14: const has an effect with lr_scheduler_type step only"},
    };
    od_recipe *recipe = recipe_of(text);
    cJSON_Delete(translate_well(recipe, text));
    expect_list(od_recipe_warnings(recipe), expected, 5, text);
    od_recipe_free(recipe);
}

static void a_missing_model_is_a_warning(void **state) {
    (void)state;
    static const char *const expected[][2] = {{"/model", "left out: stands for \"vit\""}};
    od_recipe *recipe = recipe_of("dataset: cifar10");
    cJSON_Delete(translate_well(recipe, "dataset: cifar10"));
    expect_list(od_recipe_warnings(recipe), expected, 1, "dataset: cifar10");
    od_recipe_free(recipe);
}

static void long_unknown_keys_are_shown_in_part(void **state) {
    (void)state;
    char text[305] = "x"; // so that the cut would come in the middle of a character
    for (size_t i = 1; i < 301; i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    memcpy(text + 301, ": 1", 4);
    od_recipe *recipe = recipe_of(text);
    const od_faults *warnings = od_recipe_warnings(recipe);
    assert_int_equal(warnings->count, 1);
    assert_int_equal(strlen(warnings->items[0].pointer), 1 + 59 + 3);
    assert_string_equal(warnings->items[0].pointer + 56, "\xc3\xa9\xc3\xa9...");
    od_recipe_free(recipe);
}

static void values_that_cannot_be_read_are_faults(void **state) {
    (void)state;
    static const struct {
        const char *text, *pointer, *detail;
    } cases[] = {
        {"lr: fast", "/lr", "line 1: is \"fast\"; give a decimal number"},
        {"\n\nlr:", "/lr", "line 3: is empty; give a decimal number"},
        {"lr: None", "/lr", "line 1: is empty; give a decimal number"},
        {"lr: [1]", "/lr", "line 1: is a list or a mapping; give a decimal number"},
        {"lr: 1_000", "/lr", "line 1: is \"1_000\"; give a decimal number"},
        {"lr: 0x10", "/lr", "line 1: is \"0x10\"; give a decimal number"},
        {"lr: 010", "/lr", "line 1: is \"010\"; give a decimal number"},
        {"lr: 1:30", "/lr", "line 1: is \"1:30\"; give a decimal number"},
        {"lr: .inf", "/lr", "line 1: is \".inf\"; give a decimal number"},
        {"lr: nan", "/lr", "line 1: is \"nan\"; give a decimal number"},
        {"lr: 1e400", "/lr", "line 1: is \"1e400\"; give a decimal number"},
        {"lr: .", "/lr", "line 1: is \".\"; give a decimal number"},
        {"lr: 1e", "/lr", "line 1: is \"1e\"; give a decimal number"},
        {"lr: '1 '", "/lr", "line 1: is \"1 \"; give a decimal number"},
        {"lr: +", "/lr", NULL},
        {"use_amp: 'false'", "/use_amp",
         "line 1: is \"false\"; give true or false, without quotes"},
        {"use_amp: 2", "/use_amp", "line 1: is \"2\"; give true or false, without quotes"},
        {"use_amp: maybe so", "/use_amp",
         "line 1: is \"maybe so\"; give true or false, without quotes"},
        {"log_activations: {}", "/log_activations",
         "line 1: is a list or a mapping; give true or false, without quotes"},
        {"dataset:", "/dataset", "line 1: is empty; give a name"},
        {"model: [vit]", "/model", "line 1: is a list or a mapping; give a name"},
        {"orthogonal_pattern: 1,,2", "/orthogonal_pattern",
         "line 1: is \"1,,2\"; give numbers with commas between, as 80,120"},
        {"orthogonal_pattern: 1 2", "/orthogonal_pattern", NULL},
        {"orthogonal_pattern: '1,'", "/orthogonal_pattern", NULL},
        {"orthogonal_pattern: ',1'", "/orthogonal_pattern", NULL},
        {"orthogonal_pattern: [0, 1]", "/orthogonal_pattern", NULL},
        {"gradient_checkpointing: true", "/gradient_checkpointing",
         "line 1: is \"true\"; give one of none, torch, unsloth"},
        {"amp_dtype: fp8", "/amp_dtype", "line 1: is \"fp8\"; give one of bfloat16, float16"},
        {"warmup_const: 0.2", "/warmup_const",
         "line 1: is another factor than 0.1, the only one there is"},
        {"lr_scheduler_type: step", "/lr_scheduler_decay_epoch",
         "left out: is empty; lr_scheduler_type step needs epochs, as 80,120"},
        {"lr_scheduler_type: step\nlr_scheduler_decay_epoch: None", "/lr_scheduler_decay_epoch",
         "line 2: is empty; lr_scheduler_type step needs epochs, as 80,120"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        od_recipe *recipe = recipe_of(cases[i].text);
        cJSON *spec = NULL;
        od_faults faults = {0};
        assert_int_equal(od_recipe_translate(recipe, &spec, &faults), OD_OK);
        assert_non_null(spec);
        if (faults.count != 1 || strcmp(faults.items[0].pointer, cases[i].pointer) != 0 ||
            (cases[i].detail != NULL && strcmp(faults.items[0].detail, cases[i].detail) != 0)) {
            fail_msg("%s: %zu faults: %s %s", cases[i].text, faults.count,
                     faults.count > 0 ? faults.items[0].pointer : "",
                     faults.count > 0 ? faults.items[0].detail : "");
        }
        od_faults_fini(&faults);
        cJSON_Delete(spec);
        od_recipe_free(recipe);
    }
}

static od_schema *job_schema(void) {
    od_schema *schema = NULL;
    assert_int_equal(od_schemas_job(&schema, NULL), OD_OK);
    return schema;
}

static void faults_of_the_spec_lead_back_to_keys(void **state) {
    (void)state;
    static const char text[] = "epochs: 0\n"
                               "model: vjt\n"
                               "dataset: 7\n"
                               "orthogonal_pattern: 1,1.5\n"
                               "use_mixup: true\n"
                               "mixup_alpha: -1\n"
                               "lr_scheduler_type: step\n"
                               "lr_scheduler_decay_epoch: -3\n"
                               "use_amp: true\n";
    static const char *const expected[][2] = {
        {"/model", "line 2: is \"vjt\"; one of vit, resnet18, resnet34, resnet50, resnet101, "
                   "resnet152"},
        {"/orthogonal_pattern", "line 4: is 1.5; must be an integer"},
        {"/mixup_alpha", "line 6: is -1; the minimum is 0"},
        {"/dataset", "line 3: is \"7\"; one of mnist, fashion-mnist, cifar10, cifar100, "
                     "tiny-imagenet, imagenet1k"},
        {"/lr_scheduler_decay_epoch", "line 8: is -3; the minimum is 0"},
        {"/epochs", "line 1: is 0; the minimum is 1"},
        {"/seed", "parameter: is -1; the minimum is 0"},
    };
    od_recipe *recipe = recipe_of(text);
    assert_int_equal(od_recipe_override(recipe, "seed", "-1"), OD_OK);
    cJSON *spec = translate_well(recipe, text);
    od_schema *schema = job_schema();
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, spec, &faults), OD_OK);
    assert_int_equal(od_recipe_locate(recipe, &faults, 0), OD_OK);
    expect_list(&faults, expected, 7, text);
    od_faults_fini(&faults);
    od_schema_free(schema);
    cJSON_Delete(spec);
    od_recipe_free(recipe);
}

static void every_place_in_the_spec_leads_to_the_nearest_option(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"/data/mixup", "/use_mixup", "line 1: x"},
        {"/data/randaugment", "/randaugment_N", "left out: x"},
        {"/model", "/model", "left out: x"},
        {"/train/precision", "/use_amp", "left out: x"},
        {"/residual/blocks/3", "/orthogonal_pattern", "left out: x"},
        {"/residual/connection", "/orthogonal_residual", "left out: x"},
        {"/train/optimizer", "/lr", "line 2: x"},
        {"/train/optimizers", "/train/optimizers", "x"},
        {"/resources/threads", "/resources/threads", "x"},
        {"", "", "x"},
        {"/", "/", "x"},
    };
    od_recipe *recipe = recipe_of("use_mixup: true\nlr: 1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        od_faults faults = {0};
        assert_int_equal(od_faults_add(&faults, "/model", "kept"), OD_OK);
        assert_int_equal(od_faults_add(&faults, cases[i][0], "x"), OD_OK);
        assert_int_equal(od_recipe_locate(recipe, &faults, 1), OD_OK);
        assert_string_equal(faults.items[0].detail, "kept");
        assert_string_equal(faults.items[1].pointer, cases[i][1]);
        assert_string_equal(faults.items[1].detail, cases[i][2]);
        od_faults_fini(&faults);
    }
    od_recipe_free(recipe);
}

static void overrides_count_more_than_the_text(void **state) {
    (void)state;
    od_recipe *recipe = recipe_of("seed: 1\northogonal_residual: false\ngrad_clip: 3\n");
    assert_int_equal(od_recipe_override(recipe, "seed", "3"), OD_OK);
    assert_int_equal(od_recipe_override(recipe, "orthogonal_residual", "true"), OD_OK);
    assert_int_equal(od_recipe_override(recipe, "grad_clip", ""), OD_OK);
    assert_int_equal(od_recipe_override(recipe, "model", "resnet34"), OD_OK);
    assert_int_equal(od_recipe_override(recipe, "sead", "3"), OD_E_NOT_FOUND);
    assert_false(od_recipe_has_option("sead"));
    assert_true(od_recipe_has_option("project"));
    cJSON *spec = translate_well(recipe, "overridden");
    assert_int_equal(od_json_at(spec, "train.seed")->valueint, 3);
    assert_string_equal(od_json_at(spec, "residual.connection")->valuestring, "orthogonal");
    assert_true(cJSON_IsNull(od_json_at(spec, "train.grad_clip")));
    assert_string_equal(od_json_at(spec, "model.arch")->valuestring, "resnet34");
    assert_int_equal(od_recipe_warnings(recipe)->count, 0);
    cJSON_Delete(spec);
    od_recipe_free(recipe);
}

static void paths_end_with_yaml(void **state) {
    (void)state;
    assert_true(od_recipe_is_path("a.yaml"));
    assert_true(od_recipe_is_path("/x.json/a.yml"));
    assert_false(od_recipe_is_path("a.json"));
    assert_false(od_recipe_is_path("yaml"));
    assert_false(od_recipe_is_path("-"));
}

// --- the eleven recipes -------------------------------------------------------------------

#define VIT                                                                        \
    "model: vit\noptimizer: adam\nlr_scheduler_type: cos\nuse_mixup: true\n"       \
    "cutmix_alpha: 1.0\nmixup_prob: 1.0\nmixup_alpha: 0.8\nlabel_smoothing: 0.1\n" \
    "random_erase: 0.25\nrandaugment_N: 9\ndrop_path: 0.0\nmlp_dropout: 0.0\n"     \
    "log_activations: true # the curves of the stream\ntorch_compile: true\n"
#define RESNET                                                                       \
    "lr: 1.0e-1\nmomentum: 0.9\noptimizer: sgd\nweight_decay: 0.0005\nepochs: 200\n" \
    "lr_scheduler_decay_epoch: 80,120\nlr_scheduler_type: step\nwarmup_epoch: 0\n"   \
    "grad_accumulate_steps: 1\nglobal_batch_size: 128\nuse_mixup: false\n"           \
    "mixup_alpha: 0.8\nmixup_prob: 1.0\ncutmix_alpha: 1.0\nlog_activations: true\n"
#define PLAIN_IMAGES "randaugment_M: 0\nrandaugment_N: 0\nrandom_erase: 0.0\nlabel_smoothing: 0.0\n"
#define DEBUG                                                                    \
    "orthogonal_residual: true\northogonal_method: feature\npreset: S\n"         \
    "residual_pattern: default\nresidual_rescale_mode: scalar\nproject: debug\n" \
    "save_every_epochs: 300\nsave_every_steps: 50000\nlog_interval: 5\nuse_amp: true\n"

static const struct {
    const char *name;
    const char *model; // given beside the text, as on the reference's command line; or NULL
    const char *text;
} recipes[] = {
    {"vit-s-cifar10", NULL,
     VIT "preset: S\ndataset: cifar10\nrandaugment_M: 5\ngrad_clip: None\nwarmup_epoch: 10\n"
         "epochs: 300\nweight_decay: 0.0001\nlr: 1.0e-3\nglobal_batch_size: 1024\n"
         "grad_accumulate_steps: 1\nproject: ortho-classifier"},
    {"vit-s-cifar100", NULL,
     VIT "preset: S\ndataset: cifar100\nrandaugment_M: 5\ngrad_clip:    None\nwarmup_epoch: 10\n"
         "epochs: 300\nweight_decay: 0.0001\nlr: 1.0e-3\nglobal_batch_size: 1024\n"
         "grad_accumulate_steps: 1\n"},
    {"vit-s-tiny-imagenet", NULL,
     VIT "preset: S\ndataset: tiny-imagenet\nrandaugment_M: 5\ngrad_clip:\nwarmup_epoch: 10\n"
         "epochs: 300\nweight_decay: 0.0001\nlr: 5.0e-4\nglobal_batch_size: 1024\n"},
    {"vit-s-imagenet1k", NULL,
     VIT "preset: S\ndataset: imagenet1k\nrandaugment_M: 9\ngrad_clip:\nwarmup_epoch: 10\n"
         "epochs: 300\nweight_decay: 0.0001\nlr: 5.0e-4\nglobal_batch_size: 4096\n"
         "adam_beta2: 0.999\nadam_beta1: 0.9\n"},
    {"vit-b-imagenet1k", NULL,
     VIT "preset: B\ndataset: imagenet1k\nrandaugment_M: 9\ngrad_clip:\nwarmup_epoch: 10\n"
         "epochs: 300\nweight_decay: 0.001\nlr: 1.0e-4\nglobal_batch_size: 4096\n"
         "grad_accumulate_steps: 2\northogonal_method: feature\n"},
    {"resnet18-cifar10", "resnet18",
     RESNET PLAIN_IMAGES "dataset: cifar10\nlr_scheduler_decay_ratio: 0.2\ngrad_clip: 1.0\n"
                         "log_interval: 50\n"},
    {"resnet18-cifar100", "resnet18",
     RESNET PLAIN_IMAGES "dataset: cifar100\nlr_scheduler_decay_ratio: 0.2\ngrad_clip: 1.0\n"
                         "log_interval: 100\n"},
    {"resnet18-tiny-imagenet", "resnet18",
     RESNET PLAIN_IMAGES "dataset: tiny-imagenet\nlr_scheduler_decay_ratio: 0.2\n"
                         "grad_clip: 1.0\nlog_interval: 100\n"},
    {"resnet18-imagenet1k", "resnet18",
     RESNET PLAIN_IMAGES "dataset: imagenet1k\nlr_scheduler_decay_ratio: 0.1\ngrad_clip: 5.0\n"
                         "log_interval: 100\n"},
    {"debug-vit", NULL,
     VIT DEBUG "dataset: cifar10\nrandaugment_M: 5\ngrad_clip:\nwarmup_epoch: 1\nepochs: 2\n"
               "weight_decay: 0.0001\nlr: 1.0e-3\nglobal_batch_size: 1024\n"},
    {"debug-resnet", NULL,
     RESNET DEBUG "model: resnet18\ndataset: cifar10\nlr_scheduler_decay_ratio: 0.2\n"
                  "grad_clip: 1.0\nlabel_smoothing: 0.1\nrandom_erase: 0.25\nrandaugment_N: 9\n"
                  "randaugment_M: 5\n"},
};

// With all defaults, and without what only people read.
static char *bare(const od_schema *schema, cJSON *spec) {
    static const char *const words[] = {"name", "notes", "labels"};
    od_faults faults = {0};
    assert_int_equal(od_schema_validate(schema, spec, &faults), OD_OK);
    assert_int_equal(faults.count, 0);
    assert_int_equal(od_schema_fill_defaults(schema, spec), OD_OK);
    for (size_t i = 0; i < 3; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(spec, words[i]);
    }
    char *text = od_json_canonical(spec);
    cJSON_Delete(spec);
    return text;
}

static void the_references_recipes_are_ours(void **state) {
    (void)state;
    od_schema *schema = job_schema();
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.json", recipes[i].name);
        const od_embedded_file *file = od_embedded_find(od_recipes_embedded, name);
        assert_non_null(file);
        od_recipe *recipe = recipe_of(recipes[i].text);
        if (recipes[i].model != NULL) {
            assert_int_equal(od_recipe_override(recipe, "model", recipes[i].model), OD_OK);
        }
        char *theirs = bare(schema, translate_well(recipe, recipes[i].name));
        assert_int_equal(od_recipe_warnings(recipe)->count, 0);
        char *ours = bare(schema, cJSON_Parse((const char *)file->data));
        assert_string_equal(theirs, ours);
        free(ours);
        free(theirs);
        od_recipe_free(recipe);
    }
    od_schema_free(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_references),
        cmocka_unit_test(every_option_has_its_place),
        cmocka_unit_test(what_is_left_aside_is_a_warning),
        cmocka_unit_test(a_missing_model_is_a_warning),
        cmocka_unit_test(long_unknown_keys_are_shown_in_part),
        cmocka_unit_test(values_that_cannot_be_read_are_faults),
        cmocka_unit_test(faults_of_the_spec_lead_back_to_keys),
        cmocka_unit_test(every_place_in_the_spec_leads_to_the_nearest_option),
        cmocka_unit_test(overrides_count_more_than_the_text),
        cmocka_unit_test(paths_end_with_yaml),
        cmocka_unit_test(the_references_recipes_are_ours),
    };
    return cmocka_run_group_tests_name("recipe", tests, NULL, NULL);
}
