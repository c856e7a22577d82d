// SPDX-License-Identifier: Apache-2.0
// Job specs: JSON, the schema, its defaults, and the trainer's own reading.
#include "base/json.h"
#include "base/schemas.h"
#include "core/model/resnet.h"
#include "core/spec.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// Stands for core/model/resnet.c, which would bring in the whole trainer.
int64_t od_resnet_blocks(const char *arch) {
    return strcmp(arch, "resnet18") == 0 ? 8 : strncmp(arch, "resnet", 6) == 0 ? 50 : 0;
}

static size_t count_faults(const od_schema *schema, const cJSON *spec) {
    od_faults faults = {0};
    FUZZ_CHECK(od_schema_validate(schema, spec, &faults) == OD_OK);
    size_t count = faults.count;
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(faults.items[i].detail[0] != '\0');
    }
    od_faults_fini(&faults);
    return count;
}

static void read_spec(const cJSON *json) {
    static od_spec spec;
    od_faults faults = {0};
    od_error error = {0};
    FUZZ_CHECK(od_spec_read(json, 1, &spec, &faults, &error) == OD_OK);
    od_faults_fini(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static od_schema *schema;
    cJSON *json = NULL;
    if (schema == NULL) {
        FUZZ_CHECK(od_schemas_job(&schema, NULL) == OD_OK);
    }
    if (od_json_parse((const char *)data, size, &json, NULL) != OD_OK) {
        return 0;
    }
    if (count_faults(schema, json) == 0) {
        FUZZ_CHECK(od_schema_fill_defaults(schema, json) == OD_OK);
        FUZZ_CHECK(count_faults(schema, json) == 0);
        read_spec(json);
    }
    cJSON_Delete(json);
    return 0;
}
