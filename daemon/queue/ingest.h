// SPDX-License-Identifier: Apache-2.0
// Turns lines of events.ndjson (docs/run-directory.md) into rows: points, series, attempts, the
// job's progress and state, events for the streams, and the offset behind the lines, all in the
// writer's transaction. So every line has its effect exactly once, whoever dies when.
#ifndef OD_DAEMON_QUEUE_INGEST_H
#define OD_DAEMON_QUEUE_INGEST_H

#include "daemon/store/events.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct od_ingest {
    int64_t job;
    const char *bytes; // whole lines, borrowed
    size_t size;
    int64_t offset; // of bytes in the file

    od_event_list events; // out: what was appended to the journal
    int64_t pid;     // out: of the job's present attempt; 0: its `start` line was not among them
    bool running;    // out: that line made the job `running`
    bool progressed; // out: some line told how far the present attempt is, as follows
    int64_t from_step, step, steps;
    double eta_s;   // NaN: it did not say
    size_t skipped; // out: lines that are none of version 1's
} od_ingest;

// A work function of the store; ctx is an od_ingest. Bytes before the job's stored offset are left
// out: they are in the database already. OD_E_INTERNAL: bytes are missing between the stored offset
// and these.
od_status od_ingest_work(sqlite3 *db, void *ctx, od_error *error) OD_MUST_CHECK;

// Frees what came out.
void od_ingest_fini(od_ingest *ingest);

#endif
