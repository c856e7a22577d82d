// SPDX-License-Identifier: Apache-2.0
#include "base/schemas.h"

static od_status load(const char *name, od_schema **out, od_error *error) {
    const od_embedded_file *file = od_embedded_find(od_schemas_embedded, name);
    if (file == NULL) {
        return od_error_set(error, OD_E_INTERNAL, "%s is not embedded in this program", name);
    }
    od_status status = od_schema_new((const char *)file->data, file->size, out, error);
    return status == OD_OK ? OD_OK : od_error_prefix(error, "%s", name);
}

od_status od_schemas_job(od_schema **out, od_error *error) {
    return load("job.schema.json", out, error);
}

od_status od_schemas_experiment(od_schema **out, od_error *error) {
    return load("experiment.schema.json", out, error);
}
