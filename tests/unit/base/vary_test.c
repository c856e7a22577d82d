// SPDX-License-Identifier: Apache-2.0
// Expanding experiments: the order of the jobs, and where faults are said to lie.
#include "base/vary.h"

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

#define BASE "\"model\":{\"arch\":\"vit\"},\"data\":{\"dataset\":\"mnist\"}"

static cJSON *parse(const char *text) {
    cJSON *value = NULL;
    od_error error = {0};
    if (od_json_parse(text, strlen(text), &value, &error) != OD_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

static int load_job_schema(void **state) {
    return od_schemas_job((od_schema **)state, NULL) == OD_OK ? 0 : -1;
}

static int free_schema(void **state) {
    od_schema_free(*state);
    return 0;
}

static void expand(const od_schema *schema, const char *text, od_vary *out) {
    cJSON *experiment = parse(text);
    od_faults faults = {0};
    assert_int_equal(od_vary_expand(experiment, schema, out, &faults), OD_OK);
    if (faults.count > 0) {
        fail_msg("%s: %s %s", text, faults.items[0].pointer, faults.items[0].detail);
    }
    // What comes out must not depend on what went in.
    cJSON_Delete(experiment);
}

static void expect_variants(const od_vary *vary, const char *const *variants, size_t count) {
    assert_int_equal(vary->count, count);
    for (size_t i = 0; i < count; i++) {
        char *text = od_json_print(vary->items[i].variant);
        assert_string_equal(text, variants[i]);
        free(text);
    }
}

static void first_key_changes_fastest(void **state) {
    static const char *const variants[] = {
        "{\"residual.connection\":\"linear\",\"train.seed\":0}",
        "{\"residual.connection\":\"orthogonal\",\"train.seed\":0}",
        "{\"residual.connection\":\"linear\",\"train.seed\":1}",
        "{\"residual.connection\":\"orthogonal\",\"train.seed\":1}",
        "{\"residual.connection\":\"linear\",\"train.seed\":5}",
        "{\"residual.connection\":\"orthogonal\",\"train.seed\":5}",
    };
    od_vary vary;
    expand(*state,
           "{\"base\":{" BASE "},\"vary\":{\"residual.connection\":[\"linear\",\"orthogonal\"],"
           "\"train.seed\":[0,1,5]}}",
           &vary);
    expect_variants(&vary, variants, 6);
    for (size_t i = 0; i < vary.count; i++) {
        const cJSON *spec = vary.items[i].spec;
        const cJSON *variant = vary.items[i].variant;
        assert_true(od_json_equal(od_json_at(spec, "residual.connection"), variant->child));
        assert_true(od_json_equal(od_json_at(spec, "train.seed"), variant->child->next));
        // defaults are there
        assert_int_equal(od_json_at(spec, "train.epochs")->valueint, 300);
        assert_string_equal(od_json_at(spec, "residual.method")->valuestring, "feature");
    }
    od_vary_fini(&vary);
}

static void varied_values_replace_those_of_the_base(void **state) {
    od_vary vary;
    expand(*state,
           "{\"base\":{\"train\":{\"seed\":-7,\"epochs\":2},\"data\":{\"dataset\":\"mnist\"}},"
           "\"vary\":{\"train.seed\":[3],\"model\":[{\"arch\":\"vit\"},{\"arch\":\"resnet18\"}],"
           "\"data.mixup.alpha\":[0.5]}}",
           &vary);
    assert_int_equal(vary.count, 2);
    assert_int_equal(od_json_at(vary.items[1].spec, "train.seed")->valueint, 3);
    assert_int_equal(od_json_at(vary.items[1].spec, "train.epochs")->valueint, 2);
    assert_string_equal(od_json_at(vary.items[0].spec, "model.arch")->valuestring, "vit");
    assert_string_equal(od_json_at(vary.items[1].spec, "model.arch")->valuestring, "resnet18");
    assert_true(od_json_at(vary.items[0].spec, "data.mixup.alpha")->valuedouble == 0.5);
    assert_true(od_json_at(vary.items[0].spec, "data.mixup.prob")->valuedouble == 1);
    od_vary_fini(&vary);
}

static void jobs_without_a_name_have_the_experiments(void **state) {
    od_vary vary;
    expand(*state, "{\"name\":\"x\",\"base\":{" BASE "},\"vary\":{\"train.seed\":[0]}}", &vary);
    assert_string_equal(od_json_at(vary.items[0].spec, "name")->valuestring, "x");
    od_vary_fini(&vary);
    expand(*state,
           "{\"name\":\"x\",\"base\":{\"name\":\"y\"," BASE "},\"vary\":{\"train.seed\":[0]}}",
           &vary);
    assert_string_equal(od_json_at(vary.items[0].spec, "name")->valuestring, "y");
    od_vary_fini(&vary);
    expand(*state, "{\"base\":{" BASE "},\"vary\":{\"name\":[\"a\",\"b\"]}}", &vary);
    assert_string_equal(od_json_at(vary.items[1].spec, "name")->valuestring, "b");
    od_vary_fini(&vary);
}

static void expect_faults(const od_schema *schema, const char *text, const char *const *expected) {
    cJSON *experiment = parse(text);
    od_faults faults = {0};
    od_vary vary;
    assert_int_equal(od_vary_expand(experiment, schema, &vary, &faults), OD_OK);
    od_vary_fini(&vary);
    size_t count = 0;
    for (; expected[count] != NULL; count++) {
        char found[512] = "(none)";
        if (count < faults.count) {
            snprintf(found, sizeof found, "%s: %s", faults.items[count].pointer,
                     faults.items[count].detail);
        }
        assert_string_equal(found, expected[count]);
    }
    assert_int_equal(faults.count, count);
    od_faults_fini(&faults);
    cJSON_Delete(experiment);
}

static void faults_point_to_their_cause(void **state) {
    static const struct {
        const char *text;
        const char *faults[4];
    } cases[] = {
        {"{\"base\":{" BASE "},\"vary\":{\"train.seed\":[0,-1,2.5],\"train.epochs\":[1,0]}}",
         {"/vary/train.seed/1: is -1; the minimum is 0",
          "/vary/train.seed/2: is 2.5; must be an integer",
          "/vary/train.epochs/1: is 0; the minimum is 1"}},
        {"{\"base\":{" BASE "},\"vary\":{\"train.sead\":[0,1]}}",
         {"/vary/train.sead: unknown key; did you mean \"seed\"?"}},
        {"{\"base\":{" BASE "},\"vary\":{\"trian.seed\":[0,1],\"trian.lr\":[1]}}",
         {"/vary/trian.seed: \"trian\": unknown key; did you mean \"train\"?",
          "/vary/trian.lr: \"trian\": unknown key; did you mean \"train\"?"}},
        {"{\"base\":{" BASE "},\"vary\":{\"name.first\":[0]}}",
         {"/vary/name.first: \"name\": is an object; must be a string"}},
        {"{\"base\":{" BASE ",\"name\":\"x\"},\"vary\":{\"name.first\":[0]}}",
         {"/vary/name.first: \"name\" is no object in the base; leave it out there"}},
        {"{\"base\":{" BASE "},\"vary\":{\"labels.a/b~c\":[\"x\",1]}}",
         {"/vary/labels.a~1b~0c/1: is 1; must be a string"}},
        {"{\"base\":{" BASE "},\"vary\":{\"data.mixup\":[null,{\"alpha\":1,\"x\":2}]}}",
         {"/vary/data.mixup/1/x: unknown key; known here: alpha, cutmix_alpha, prob, switch_prob"}},
        {"{\"base\":{" BASE "},\"vary\":{\"train\":[{\"epochs\":1}],\"train.seed\":[1]}}",
         {"/vary/train.seed: lies inside \"train\", which is varied too"}},
        {"{\"base\":{\"model\":{\"arch\":\"vit\"},\"epochs\":3},"
         "\"vary\":{\"train.seed\":[0,1],\"train.epochs\":[1,2]}}",
         {"/base/epochs: unknown key; known here: name, notes, labels, model, residual, data, "
          "train, eval, log, checkpoint, init_from, resources, queue",
          "/base/data: is missing; it has no default"}},
        {"{\"base\":{" BASE "},\"vary\":{\"\":[0],\".\":[0]}}",
         {"/vary/.: lies inside \"\", which is varied too",
          "/vary/: unknown key; known here: name, notes, labels, model, residual, data, train, "
          "eval, log, checkpoint, init_from, resources, queue"}},
        {"{\"base\":{" BASE "},\"vary\":{\"train..seed\":[0]}}",
         {"/vary/train..seed: \"train/\": unknown key; known here: epochs, max_steps, batch_size, "
          "grad_accumulate_steps, precision, seed, optimizer, schedule, grad_clip, "
          "label_smoothing, gradient_checkpointing"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_faults(*state, cases[i].text, cases[i].faults);
    }
}

static void faulty_combinations_can_be_looked_at(void **state) {
    cJSON *experiment = parse("{\"base\":{" BASE ",\"x\":1},\"vary\":{\"train.epochs\":[1,0,2],"
                              "\"train.seed\":[1,2]}}");
    od_faults faults = {0};
    od_vary vary;
    assert_int_equal(od_vary_expand(experiment, *state, &vary, &faults), OD_OK);
    assert_int_equal(faults.count, 2);
    assert_int_equal(vary.count, 4); // each value once
    assert_non_null(od_json_at(vary.items[1].spec, "x"));
    assert_int_equal(od_json_at(vary.items[1].spec, "train.epochs")->valueint, 0);
    assert_null(od_json_at(vary.items[1].spec, "train.batch_size"));
    assert_int_equal(vary.items[2].choice.index[0], 2);
    assert_int_equal(vary.items[3].choice.index[0], 0);
    assert_int_equal(vary.items[3].choice.index[1], 1);
    od_vary_fini(&vary);
    od_faults_fini(&faults);
    cJSON_Delete(experiment);
}

static void faults_found_later_are_blamed(void **state) {
    static const struct {
        od_vary_choice choice;
        const char *pointer, *blamed;
    } cases[] = {
        {{{0, 0}}, "/train/epochs", "/vary/train.epochs/0"},
        {{{2, 1}}, "/train/epochs", "/vary/train.epochs/2"},
        {{{2, 1}}, "/labels/a~1b~0c", "/vary/labels.a~1b~0c/1"},
        {{{0, 1}}, "/labels/a~1b~0c/x", "/vary/labels.a~1b~0c/1/x"},
        {{{0, 1}}, "/model/heads", "/base/model/heads"},
        {{{0, 1}}, "", "/base"},
    };
    cJSON *experiment =
        parse("{\"base\":{},\"vary\":{\"train.epochs\":[1,2,3],\"labels.a/b~c\":[4,5]}}");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        od_fault fault = {(char *)cases[i].pointer, (char *)"is wrong"};
        od_faults faults = {0};
        for (int twice = 0; twice < 2; twice++) {
            assert_int_equal(od_vary_blame(experiment, &cases[i].choice, &fault, &faults), OD_OK);
        }
        assert_int_equal(faults.count, 1);
        assert_string_equal(faults.items[0].pointer, cases[i].blamed);
        assert_string_equal(faults.items[0].detail, "is wrong");
        od_faults_fini(&faults);
    }
    cJSON_Delete(experiment);
}

static void a_key_without_a_value_is_not_blamed(void **state) {
    cJSON *experiment = parse("{\"base\":{},\"vary\":{\"train\":[{}],\"train.seed\":[1]}}");
    od_vary_choice choice = {{0, OD_VARY_NONE}};
    od_fault fault = {(char *)"/train/seed", (char *)"is wrong"};
    od_faults faults = {0};
    (void)state;
    assert_int_equal(od_vary_blame(experiment, &choice, &fault, &faults), OD_OK);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].pointer, "/vary/train/0/seed");
    od_faults_fini(&faults);
    cJSON_Delete(experiment);
}

#define THREE_KEYS(a, b, c) "\"" a "\":[\"x\"],\"" b "\":[\"x\"],\"" c "\":[\"x\"]"
#define BAD_BASE "\"base\":{\"model\":{\"arch\":\"vit\"},\"train\":{\"epochs\":0}}"
#define NO_DATA "/base/data: is missing; it has no default"
#define NO_EPOCHS "/base/train/epochs: is 0; the minimum is 1"

// Whatever is wrong with "vary", the base and its other keys are looked at. What the schema of
// experiments has told is not told again.
static void a_faulty_vary_hides_nothing(void **state) {
    static const struct {
        const char *text;
        const char *faults[5];
    } cases[] = {
        {"{}", {NULL}},
        {"{\"base\":1,\"vary\":{\"a\":[1]}}", {NULL}},
        {"{" BAD_BASE "}", {NO_DATA, NO_EPOCHS}},
        {"{" BAD_BASE ",\"vary\":[[1]]}", {NO_DATA, NO_EPOCHS}},
        {"{" BAD_BASE ",\"vary\":{}}", {NO_DATA, NO_EPOCHS}},
        {"{" BAD_BASE ",\"vary\":{\"train.seed\":[]}}", {NO_DATA, NO_EPOCHS}},
        {"{" BAD_BASE ",\"vary\":{\"train.epochs\":[]}}", {NO_DATA}},
        {"{" BAD_BASE ",\"vary\":{\"train\":{\"b\":1},\"data.dataset\":1}}", {NULL}},
        {"{" BAD_BASE ",\"vary\":{\"train.seed\":1,\"data.dataset\":[\"x\"]}}",
         {NO_EPOCHS, "/vary/data.dataset/0: is \"x\"; one of mnist, fashion-mnist, cifar10, "
                     "cifar100, tiny-imagenet, imagenet1k"}},
        {"{" BAD_BASE ",\"vary\":{\"train\":[{\"epochs\":1}],\"train.seed\":[3,-1]}}",
         {"/vary/train.seed: lies inside \"train\", which is varied too", NO_DATA,
          "/vary/train.seed/1: is -1; the minimum is 0"}},
        {"{" BAD_BASE ",\"vary\":{\"data.dataset.x\":[1],\"train.epochs.x\":[1]}}",
         {"/vary/train.epochs.x: \"train.epochs\" is no object in the base; leave it out there",
          "/vary/data.dataset.x: \"data/dataset\": is an object; must be a string"}},
        {"{" BAD_BASE
         ",\"vary\":{" THREE_KEYS("train.epochs", "labels.b", "labels.c") "," THREE_KEYS(
             "labels.d", "labels.e", "labels.f") "," THREE_KEYS("labels.g", "labels.h",
                                                                "data.dataset") "}}",
         {"/vary/train.epochs/0: is \"x\"; must be an integer"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_faults(*state, cases[i].text, cases[i].faults);
    }
}

static void jobs_come_only_of_a_usable_vary(void **state) {
    static const struct {
        const char *vary;
        size_t count;
    } cases[] = {
        {"{\"train.seed\":[1,-1,2]}", 3},
        {"{\"train\":[{}],\"train.seed\":[1,2]}", 1},
        {"{\"train.seed\":[-1],\"x\":[]}", 0},
        {"[]", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"base\":{" BASE "},\"vary\":%s}", cases[i].vary);
        cJSON *experiment = parse(text);
        od_vary vary;
        od_faults faults = {0};
        assert_int_equal(od_vary_expand(experiment, *state, &vary, &faults), OD_OK);
        assert_int_equal(vary.count, cases[i].count);
        od_vary_fini(&vary);
        od_faults_fini(&faults);
        cJSON_Delete(experiment);
    }
}

static void write_seeds(char *out, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += (size_t)sprintf(out + size, "%s%zu", i > 0 ? "," : "", i);
    }
}

static void a_thousand_jobs_are_the_most(void **state) {
    char seeds[4096];
    char text[8192];
    const char *format = "{\"base\":{" BASE "},\"vary\":{\"train.seed\":[%s],"
                         "\"residual.connection\":[\"linear\",\"orthogonal\"]}}";
    write_seeds(seeds, 500);
    snprintf(text, sizeof text, format, seeds);
    od_vary vary;
    expand(*state, text, &vary);
    assert_int_equal(vary.count, 1000);
    assert_int_equal(od_json_at(vary.items[999].spec, "train.seed")->valueint, 499);
    od_vary_fini(&vary);
    write_seeds(seeds, 501);
    snprintf(text, sizeof text, format, seeds);
    memcpy(strstr(text, "linear"), "Linear", 6);
    static const char *const faults[] = {"/vary: makes more than 1000 combinations",
                                         "/vary/residual.connection/0: is \"Linear\"; one "
                                         "of linear, orthogonal",
                                         NULL};
    expect_faults(*state, text, faults);
}

static void the_recipe_makes_two_arms_of_two_seeds(void **state) {
    const od_embedded_file *file = od_embedded_find(od_recipes_embedded, "fashion-mnist-pair.json");
    assert_non_null(file);
    od_vary vary;
    expand(*state, (const char *)file->data, &vary);
    static const char *const variants[] = {
        "{\"residual.connection\":\"linear\",\"train.seed\":0}",
        "{\"residual.connection\":\"orthogonal\",\"train.seed\":0}",
        "{\"residual.connection\":\"linear\",\"train.seed\":1}",
        "{\"residual.connection\":\"orthogonal\",\"train.seed\":1}",
    };
    expect_variants(&vary, variants, 4);
    od_vary_fini(&vary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_key_changes_fastest),
        cmocka_unit_test(varied_values_replace_those_of_the_base),
        cmocka_unit_test(jobs_without_a_name_have_the_experiments),
        cmocka_unit_test(faults_point_to_their_cause),
        cmocka_unit_test(faulty_combinations_can_be_looked_at),
        cmocka_unit_test(faults_found_later_are_blamed),
        cmocka_unit_test(a_key_without_a_value_is_not_blamed),
        cmocka_unit_test(a_faulty_vary_hides_nothing),
        cmocka_unit_test(jobs_come_only_of_a_usable_vary),
        cmocka_unit_test(a_thousand_jobs_are_the_most),
        cmocka_unit_test(the_recipe_makes_two_arms_of_two_seeds),
    };
    return cmocka_run_group_tests_name("vary", tests, load_job_schema, free_schema);
}
