// SPDX-License-Identifier: Apache-2.0
// Recipes in YAML: a spec comes of whatever can be read, with faults or a valid one that survives
// its way back. What stands behind a NUL overrides an option.
#include "base/json.h"
#include "base/recipe.h"
#include "base/schemas.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void translate(const od_schema *schema, od_recipe *recipe) {
    cJSON *spec = NULL;
    od_faults faults = {0};
    FUZZ_CHECK(od_recipe_translate(recipe, &spec, &faults) == OD_OK && spec != NULL);
    size_t own = faults.count;
    FUZZ_CHECK(od_schema_validate(schema, spec, &faults) == OD_OK);
    FUZZ_CHECK(od_recipe_locate(recipe, &faults, own) == OD_OK);
    for (size_t i = 0; i < faults.count; i++) {
        const od_fault *fault = &faults.items[i];
        bool more = i == OD_FAULTS_MAX; // "has more faults than are listed here"
        FUZZ_CHECK(more || fault->pointer[0] == '/');
        FUZZ_CHECK(fault->detail[0] != '\0');
    }
    od_faults_fini(&faults);
    cJSON_Delete(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static od_schema *schema;
    od_recipe *recipe = NULL;
    od_error error = {0};
    if (schema == NULL) {
        FUZZ_CHECK(od_schemas_job(&schema, NULL) == OD_OK);
    }
    size_t text_size = strnlen((const char *)data, size);
    if (od_recipe_new((const char *)data, text_size, &recipe, &error) != OD_OK) {
        FUZZ_CHECK(error.text[0] != '\0');
        return 0;
    }
    if (text_size < size) {
        char *value = fuzz_text(data + text_size + 1, size - text_size - 1);
        FUZZ_CHECK(od_recipe_override(recipe, "orthogonal_pattern", value) == OD_OK);
        free(value);
    }
    translate(schema, recipe);
    od_recipe_free(recipe);
    return 0;
}
