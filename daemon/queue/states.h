// SPDX-License-Identifier: Apache-2.0
// The states of a job, and the only function that changes them.
//
//                 pause                    start [queue.c]
//      ┌────────────────────────── queued ─────────────────▶ starting ──────┐
//      │                           ▲ │  ▲ ▲                    │  its `start` line [ingest.c]
//      │      resume               │ │  │ └──crash, retries────┤           ▼
//      │   ┌───────────────────────┘ │  │    left; stopped     │        running
//      ▼   │                         │  │    by others         │           │
//     paused ◀── worker gone ── pausing ◀┼────── pause ────────┼───────────┤
//      │                         │   │  │                     │           │
//      │ cancel                  │   │cancel                  ▼           ▼
//      │                         ▼   │  │              succeeded, failed (no retries left)
//      │                 cancelling ◀┼──┼────── cancel ────────┴───────────┘
//      ▼                         │   ▼  │
//     cancelled ◀── worker gone ─┘ ◀────┘ retry (from failed and cancelled back to queued)
//
// Invariants:
//  1. Every change is one transaction with its `state` event and its row in attempts.
//  2. starting, running, pausing and cancelling have an attempt, and it may have a worker; the
//     other states have no worker. Slots are held exactly in those four.
//  3. attempt is counted up on queued → starting, before the worker is started, so no two workers
//     ever write under one number.
//  4. A worker's end is decided only after its last line is in the database.
//  5. succeeded is final. Whatever people asked for, a run that says it succeeded has succeeded.
#ifndef OD_DAEMON_QUEUE_STATES_H
#define OD_DAEMON_QUEUE_STATES_H

#include "daemon/store/events.h"
#include "daemon/store/jobs.h"

#include <stdbool.h>

bool od_states_allowed(od_job_state from, od_job_state to);

// The state has an attempt and, maybe, a worker.
bool od_states_active(od_job_state state);

typedef struct od_state_change {
    int64_t job;
    od_job_state to;
    const char *reason;    // NULL: none
    const char *code;      // the same for programs; NULL: none
    bool crashed;          // counts against queue.retries
    int64_t not_before_ms; // of `queued`: it does not start again sooner
    int64_t ended_at_ms;   // of the attempt that this ends; 0: now
    const char *devices;   // of `starting`: ids with commas between
} od_state_change;

// Changes the row, begins or ends the attempt, and appends the `state` event to events.
// OD_E_NOT_FOUND; OD_E_CONFLICT when the job's present state does not lead there. *attempt (may be
// NULL) is the job's attempt afterwards.
od_status od_states_change(sqlite3 *db, const od_state_change *change, od_event_list *events,
                           int64_t *attempt, od_error *error) OD_MUST_CHECK;

// The first `state` event of a job that was just inserted.
od_status od_states_created(sqlite3 *db, int64_t job, od_event_list *events,
                            od_error *error) OD_MUST_CHECK;

#endif
