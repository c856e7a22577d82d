// SPDX-License-Identifier: Apache-2.0
// Asks `ortho-worker plan --json -` what a spec needs: the daemon itself does not know models. A
// bounded number of planners run at once, the others wait; each has a time limit.
#ifndef OD_DAEMON_EXEC_PLANNER_H
#define OD_DAEMON_EXEC_PLANNER_H

#include "base/error.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <uv.h>

typedef struct od_planner od_planner;

typedef struct od_planner_config {
    uv_loop_t *loop;
    const char *worker;         // path of ortho-worker
    const char *const *options; // for every planner, up to a NULL; kept, not copied. NULL: none
    int64_t default_threads;    // for specs whose resources.threads is null
    uint64_t timeout_ms;        // for one call
} od_planner_config;

od_status od_planner_new(const od_planner_config *config, od_planner **out,
                         od_error *error) OD_MUST_CHECK;

// Ends running planners; their done functions run with OD_E_BUSY. Frees once the loop has closed
// its handles. NULL is fine.
void od_planner_close(od_planner *planner);

// answers is an array with one object for each spec, in their order:
//     {"ok": true, "spec": {…all defaults…}, "plan": {…}}
//     {"ok": false, "errors": [{"pointer": "/model/heads", "detail": "…"}, …]}
// checked to have this shape; borrowed for the call; NULL unless status is OD_OK. Any other status
// is a fault of this server (the worker is missing, crashed, took too long): error says which.
typedef void (*od_planner_done)(void *ctx, od_status status, const od_error *error,
                                const cJSON *answers);

// specs is an array of job specs, faulty or not: faults that the schema finds are among the answers'
// too, and those that only follow from them are not. It is read before the function returns. done
// runs exactly once, later on the loop (at once only when there is no memory or the planner is
// closed).
void od_planner_plan(od_planner *planner, const cJSON *specs, od_planner_done done, void *ctx);

#endif
