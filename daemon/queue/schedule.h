// SPDX-License-Identifier: Apache-2.0
// Which waiting jobs start, which running ones make room, why the others wait, and when each is
// expected to start and end. Arithmetic alone, on tables that the caller fills: docs/scheduling.md
// says in words what is computed here.
//
// The total order: priority (higher first), then age (the id of the first job of its pair), then id.
// A job that does not fit claims the devices that could hold it: those behind it may start on other
// devices, or, as a backfill, when they are known to have ended before it can start.
#ifndef OD_DAEMON_QUEUE_SCHEDULE_H
#define OD_DAEMON_QUEUE_SCHEDULE_H

#include "daemon/queue/placement.h"

#include "base/error.h"

// name, code as clients see it.
#define OD_WAIT_MAP(X)            \
    X(NOTHING, "starting")        \
    X(PAUSED, "paused")           \
    X(DEPENDENCY, "dependency")   \
    X(BACKOFF, "backoff")         \
    X(DRAINED, "drained")         \
    X(LABEL_LIMIT, "label_limit") \
    X(SLOTS, "slots")             \
    X(MEMORY, "memory")           \
    X(DEVICES, "devices")         \
    X(BEHIND, "behind")           \
    X(IMPOSSIBLE, "impossible")

typedef enum od_wait_code {
#define X(name, text) OD_WAIT_##name,
    OD_WAIT_MAP(X)
#undef X
        OD_WAIT_CODES
} od_wait_code;

const char *od_wait_code_text(od_wait_code code);

typedef struct od_label {
    const char *key;
    const char *value;
} od_label;

// At most so many jobs with this label run at once. value "*": for each value by itself.
typedef struct od_label_limit {
    char key[101];
    char value[201];
    int64_t most;
} od_label_limit;

typedef struct od_schedule_rules {
    bool drained; // nothing starts
    bool backfill;
    bool preempt;
    const od_label_limit *limits;
    size_t limit_count;
} od_schedule_rules;

// A job that has not ended. Pointers are borrowed.
typedef struct od_schedule_job {
    int64_t id;
    int64_t priority;
    int64_t age;
    od_demand demand;
    const od_label *labels;
    size_t label_count;
    const int64_t *after; // jobs that have to end before it starts
    size_t after_count;
    bool paused;
    bool running;  // it holds devices
    bool stopping; // it runs, and was asked to stop
    od_device_set devices;
    double backoff_s; // it may not start sooner; 0: it may
    double rest_s;    // how long it will run from now on, or from its start; NaN: not known
} od_schedule_job;

// What becomes of jobs[i].
typedef struct od_schedule_result {
    bool start;            // now, on devices
    bool preempt;          // it is running, and has to make room
    od_device_set devices; // of start
    od_wait_code why;      // it does not start
    int64_t by;            // DEPENDENCY, BEHIND: that job; LABEL_LIMIT: index of the limit; else 0
    double start_s;        // from now, of a waiting job; NaN: not known
    double end_s;          // from now; NaN: not known
} od_schedule_result;

// Whether a comes before b.
bool od_schedule_before(const od_schedule_job *a, const od_schedule_job *b);

// Decides what happens now. jobs are in the total order; table says what is free now, with what the
// running ones hold already taken. results has room for count. start_s and end_s are not filled in.
od_status od_schedule_decide(const od_device_table *table, const od_schedule_rules *rules,
                             const od_schedule_job *jobs, size_t count,
                             od_schedule_result *results) OD_MUST_CHECK;

// Fills start_s and end_s, and nothing else, of results that od_schedule_decide made. Plays what
// would happen if every run took as long as is known, nobody asked for anything, and nothing
// overtook: an unknown rest never ends. Of the waiting jobs it looks at OD_SCHEDULE_HORIZON.
enum { OD_SCHEDULE_HORIZON = 500 };
od_status od_schedule_forecast(const od_device_table *table, const od_schedule_rules *rules,
                               const od_schedule_job *jobs, size_t count,
                               od_schedule_result *results) OD_MUST_CHECK;

#endif
