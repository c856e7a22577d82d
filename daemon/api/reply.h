// SPDX-License-Identifier: Apache-2.0
// Answers that several handlers end with.
#ifndef OD_API_REPLY_H
#define OD_API_REPLY_H

#include "daemon/http/http.h"

#include <stdint.h>

// Answers with the job, or with 404. 201 comes with its Location.
void od_reply_job(od_request *request, unsigned status, int64_t id);

// The same for an experiment.
void od_reply_experiment(od_request *request, unsigned status, int64_t id);

#endif
