// SPDX-License-Identifier: Apache-2.0
// Answers that several handlers end with.
#ifndef OD_API_REPLY_H
#define OD_API_REPLY_H

#include "daemon/http/http.h"

#include <stdint.h>

// Answers with the job, or with 404. 201 comes with its Location.
void od_reply_job(od_request *request, unsigned status, int64_t id);

// Answers with the new job. warnings, an array, becomes a member of that name; it is taken in every
// case and may be NULL.
void od_reply_new_job(od_request *request, int64_t id, cJSON *warnings_take);

// The same as od_reply_job for an experiment.
void od_reply_experiment(od_request *request, unsigned status, int64_t id);

#endif
