// SPDX-License-Identifier: Apache-2.0
// Every recipe that the programs carry can be planned: the trainer takes its spec and makes a graph
// of it. The data are made up, as many images as the published files have; none are read.
#include "base/datasets.h"
#include "base/json.h"
#include "base/schemas.h"
#include "core/spec.h"
#include "core/train/trainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// The job spec of a recipe, or the base of an experiment, with all defaults.
static cJSON *spec_of(const od_embedded_file *file, const od_schema *schema) {
    cJSON *recipe = cJSON_Parse((const char *)file->data);
    cJSON *base = cJSON_DetachItemFromObjectCaseSensitive(recipe, "base");
    cJSON *spec = base != NULL ? base : recipe;
    if (base != NULL) {
        cJSON_Delete(recipe);
    }
    assert_int_equal(od_schema_fill_defaults(schema, spec), OD_OK);
    return spec;
}

static void expect_no_faults(const char *name, const od_faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        fail_msg("%s: %s %s", name, faults->items[i].pointer, faults->items[i].detail);
    }
}

static void plan(const char *name, const od_spec *spec) {
    od_trainer_plan plan = {0};
    od_error error = {0};
    int64_t images = od_datasets_find(spec->data.dataset)->train_count;
    if (spec->data.limit_train > 0 && spec->data.limit_train < images) {
        images = spec->data.limit_train;
    }
    if (od_trainer_plan_of(spec, images, &plan, &error) != OD_OK) {
        fail_msg("%s: %s", name, error.text);
    }
    // The last step of an epoch takes the parts that are left.
    const int64_t parts = spec->train.grad_accumulate_steps;
    const int64_t batches = images / (spec->train.batch_size / parts);
    assert_int_equal(plan.steps_per_epoch, (batches + parts - 1) / parts);
    assert_true(plan.parameters > 100000);
    assert_true(plan.total_bytes > 3 * plan.parameters * (int64_t)sizeof(float));
    print_message("# %s: %lld parameters, %lld steps\n", name, (long long)plan.parameters,
                  (long long)plan.steps);
}

static void every_recipe_can_be_planned(void **state) {
    (void)state;
    static od_spec spec;
    od_schema *schema = NULL;
    int planned = 0;
    assert_int_equal(od_schemas_job(&schema, NULL), OD_OK);
    for (const od_embedded_file *file = od_recipes_embedded; file->name != NULL; file++) {
        cJSON *json = spec_of(file, schema);
        od_faults faults = {0};
        assert_int_equal(od_spec_read(json, 1, &spec, &faults, NULL), OD_OK);
        expect_no_faults(file->name, &faults);
        plan(file->name, &spec);
        planned++;
        od_faults_fini(&faults);
        cJSON_Delete(json);
    }
    assert_true(planned >= 2);
    od_schema_free(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recipe_can_be_planned),
    };
    return cmocka_run_group_tests_name("recipes", tests, NULL, NULL);
}
