// SPDX-License-Identifier: Apache-2.0
// Answers that several handlers end with: a job or an experiment.
#ifndef OD_API_REPLY_H
#define OD_API_REPLY_H

#include "daemon/http/http.h"
#include "daemon/queue/queue.h"

#include <stdint.h>

typedef enum od_reply_kind { OD_REPLY_JOB, OD_REPLY_EXPERIMENT } od_reply_kind;

// Answers with the job or experiment as it is now, or with 404. 201 comes with its Location.
void od_reply(od_request *request, unsigned status, od_reply_kind kind, int64_t id);

// 201 for what has been made, with its Location. body is copied; warnings (NULL: none), an array,
// becomes one more member of it. NULL: no memory.
od_response *od_reply_made(od_reply_kind kind, int64_t id, const char *body, const cJSON *warnings);

// What makes that body, in the transaction that makes the thing.
od_submit_render od_reply_render(od_reply_kind kind);

#endif
