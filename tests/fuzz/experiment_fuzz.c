// SPDX-License-Identifier: Apache-2.0
// Experiments: jobs or faults, never neither, and without faults every job is valid.
#include "base/json.h"
#include "base/schemas.h"
#include "base/vary.h"
#include "tests/fuzz/fuzz.h"

static od_schema *schema, *job_schema;

static size_t count_faults(const od_schema *of, const cJSON *value) {
    od_faults faults = {0};
    FUZZ_CHECK(od_schema_validate(of, value, &faults) == OD_OK);
    size_t count = faults.count;
    od_faults_fini(&faults);
    return count;
}

static void expand(cJSON *experiment) {
    od_vary vary = {0};
    od_faults faults = {0};
    FUZZ_CHECK(od_schema_fill_defaults(schema, experiment) == OD_OK);
    FUZZ_CHECK(od_vary_expand(experiment, job_schema, &vary, &faults) == OD_OK);
    FUZZ_CHECK(vary.count > 0 || faults.count > 0);
    for (size_t i = 0; i < vary.count && faults.count == 0; i += 1 + vary.count / 4) {
        FUZZ_CHECK(count_faults(job_schema, vary.items[i].spec) == 0);
    }
    od_vary_fini(&vary);
    od_faults_fini(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cJSON *experiment = NULL;
    if (schema == NULL) {
        FUZZ_CHECK(od_schemas_experiment(&schema, NULL) == OD_OK);
        FUZZ_CHECK(od_schemas_job(&job_schema, NULL) == OD_OK);
    }
    if (od_json_parse((const char *)data, size, &experiment, NULL) == OD_OK &&
        count_faults(schema, experiment) == 0) {
        expand(experiment);
    }
    cJSON_Delete(experiment);
    return 0;
}
