// SPDX-License-Identifier: Apache-2.0
// Why a job waits and when it is expected to start and end, as clients see it.
#ifndef OD_API_WAITING_JSON_H
#define OD_API_WAITING_JSON_H

#include "daemon/queue/queue.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

// Adds "waiting", "expected_start_at" and "expected_end_at" to a job. explanation was made before
// the job was read, so the job's own state decides what still holds of it; NULL: nothing is known.
// false: no memory.
bool od_waiting_json_add(cJSON *job, const od_explanation *explanation);

#endif
