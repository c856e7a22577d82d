// SPDX-License-Identifier: Apache-2.0
// Jobs as clients see them.
#ifndef OD_API_JOB_JSON_H
#define OD_API_JOB_JSON_H

#include "base/error.h"
#include "daemon/store/jobs.h"
#include "daemon/store/points.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

// A job with spec, plan, all series and attempts. series may be empty. NULL: no memory.
cJSON *od_job_json(const od_job *job, const od_series_list *series, const od_attempt *attempts,
                   size_t attempt_count);

// A job in a list: connection and model instead of spec and plan, and the three series that tell
// most.
cJSON *od_job_json_short(const od_job *job, const od_series_list *series);

// Reads job id with its series and builds od_job_json. Runs inside work functions of the store.
od_status od_job_json_read(sqlite3 *db, int64_t id, cJSON **out, od_error *error) OD_MUST_CHECK;

// A time, or null for 0.
cJSON *od_job_json_time(int64_t wall_ms);

#endif
