// SPDX-License-Identifier: Apache-2.0
// What the parts of orthod share: made by main() in the order of its table of contents, handed to
// the HTTP side, which reads it and keeps a pointer. It lives as long as the loop runs.
#ifndef OD_DAEMON_DAEMON_H
#define OD_DAEMON_DAEMON_H

#include "base/schema.h"
#include "daemon/config.h"
#include "daemon/exec/planner.h"
#include "daemon/exec/rundir.h"
#include "daemon/queue/queue.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

typedef struct od_hub od_hub;     // daemon/sse/hub.h
typedef struct od_http od_http;   // daemon/http/server.h
typedef struct od_auth od_auth;   // daemon/http/auth.h
typedef struct od_cache od_cache; // daemon/api/cache.h

typedef struct od_daemon {
    uv_loop_t *loop;
    const od_config *config;
    od_store *store;
    od_hub *hub;
    od_queue *queue;
    od_planner *planner;
    od_http *http;
    od_auth *auth;                // NULL: everybody may do everything
    od_cache *cache;              // of answers
    od_schema *job_schema;        // schemas/job.schema.json
    od_schema *experiment_schema; // schemas/experiment.schema.json
    int64_t started_ns;           // monotonic
    bool ready;                   // the state of every job is known
    bool stopping;                // no new work is accepted
} od_daemon;

#endif
