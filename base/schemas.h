// SPDX-License-Identifier: Apache-2.0
// The schemas and recipes that every program carries.
#ifndef OD_BASE_SCHEMAS_H
#define OD_BASE_SCHEMAS_H

#include "base/embedded.h"
#include "base/error.h"
#include "base/schema.h"

// schemas/*.json: "job.schema.json", "experiment.schema.json".
extern const od_embedded_file od_schemas_embedded[];
// recipes/*.json: job specs, and experiments (those with a "base").
extern const od_embedded_file od_recipes_embedded[];

// The schema of a job spec. The caller frees it.
od_status od_schemas_job(od_schema **out, od_error *error) OD_MUST_CHECK;

// The schema of an experiment; its "base" is any object here, to be checked as a job spec when
// the experiment is expanded. The caller frees it.
od_status od_schemas_experiment(od_schema **out, od_error *error) OD_MUST_CHECK;

#endif
