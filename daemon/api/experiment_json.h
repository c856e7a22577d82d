// SPDX-License-Identifier: Apache-2.0
// Experiments as clients see them.
#ifndef OD_API_EXPERIMENT_JSON_H
#define OD_API_EXPERIMENT_JSON_H

#include "base/error.h"
#include "daemon/store/experiments.h"
#include "daemon/store/jobs.h"

#include <cjson/cJSON.h>

// Where an experiment stands, from its jobs' states: "running" until all have ended, then
// "succeeded" when all have, else "failed".
const char *od_experiment_json_state(const int64_t counts[OD_JOB_STATES]);

// These run inside work functions of the store. *out is the caller's.
od_status od_experiment_json_build(sqlite3 *db, const od_experiment *experiment, cJSON **out,
                                   od_error *error) OD_MUST_CHECK;
od_status od_experiment_json_read(sqlite3 *db, int64_t id, cJSON **out,
                                  od_error *error) OD_MUST_CHECK;

#endif
