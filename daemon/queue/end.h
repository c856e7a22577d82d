// SPDX-License-Identifier: Apache-2.0
// What the end of an attempt makes of its job: the next state, the reason as a sentence and as a
// code, and whether and when there is another attempt. Decided from what the worker wrote, how the
// process ended, and what this server asked of it; no files and no database.
#ifndef OD_DAEMON_QUEUE_END_H
#define OD_DAEMON_QUEUE_END_H

#include "daemon/exec/worker.h"
#include "daemon/queue/states.h"

#include <stdbool.h>

typedef enum od_stop_reason {
    OD_STOP_ASKED,     // somebody pauses or cancels the job, or nobody asked for anything
    OD_STOP_PREEMPTED, // it had to make room
    OD_STOP_TIME,      // its time limit
} od_stop_reason;

typedef struct od_end_facts {
    const od_job *job;
    const od_attempt *attempt;
    const od_worker_exit *how;
    bool adopted;         // a former daemon started it
    bool killed;          // by us, as it did not stop in time
    od_stop_reason why;   // we asked it to stop
    int64_t time_limit_s; // 0: none
    const char *boot_id;  // of the machine's present boot
    int64_t retry_delay_ms;
    int64_t retry_delay_max_ms;
    int64_t now_ms;
} od_end_facts;

typedef struct od_end {
    od_state_change change; // points into text and the facts
    char text[600];
} od_end;

// The codes: succeeded, failed (the run's own fault), usage (the worker does not take its arguments),
// cancelled, paused, stopped (by others), preempted, time_limit, crashed, out_of_memory, reboot, lost
// (ended while the server was away), not_started. Only crashed, out_of_memory, reboot and lost count
// against queue.retries, and only they have to wait before the next attempt.
void od_end_judge(const od_end_facts *facts, od_end *out);

// retry_delay_ms, doubled with each crash before this one, up to retry_delay_max_ms.
int64_t od_end_delay_ms(int64_t delay_ms, int64_t most_ms, int64_t crashes);

#endif
