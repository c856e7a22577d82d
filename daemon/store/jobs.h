// SPDX-License-Identifier: Apache-2.0
// Rows of the tables jobs and attempts. These functions run inside work functions of the store.
// Nothing here changes a state: that is daemon/queue/states.h alone.
#ifndef OD_DAEMON_STORE_JOBS_H
#define OD_DAEMON_STORE_JOBS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// name, text. The numbers are those in the database: append only.
#define OD_JOB_STATE_MAP(X)     \
    X(QUEUED, "queued")         \
    X(STARTING, "starting")     \
    X(RUNNING, "running")       \
    X(PAUSING, "pausing")       \
    X(PAUSED, "paused")         \
    X(CANCELLING, "cancelling") \
    X(SUCCEEDED, "succeeded")   \
    X(FAILED, "failed")         \
    X(CANCELLED, "cancelled")

typedef enum od_job_state {
#define X(name, text) OD_JOB_##name,
    OD_JOB_STATE_MAP(X)
#undef X
        OD_JOB_STATES
} od_job_state;

const char *od_job_state_text(od_job_state state);
// -1 when text is no state.
int od_job_state_parse(const char *text);
// succeeded, failed or cancelled.
bool od_job_state_ended(od_job_state state);

// One job. Times are wall milliseconds, 0 when not there yet. Strings are owned by the struct.
typedef struct od_job {
    int64_t id;
    int64_t experiment; // 0: none
    char *variant;      // JSON object, or NULL for a job of its own
    char *name;
    char *notes;
    char *labels;     // JSON object
    char *spec;       // JSON, all defaults filled in
    char *plan;       // JSON, what the planner said
    char *connection; // spec.residual.connection, for lists
    char *model;      // "vit 64/6/4", for lists
    od_job_state state;
    char *reason;      // NULL or a sentence
    char *reason_code; // NULL, or what kind of reason that is
    int64_t priority;
    int64_t threads;      // CPU slots it holds while it runs
    int64_t memory_bytes; // that each of its ranks holds
    int64_t age;          // its place among those of its priority; 0: the id
    int64_t likeness;     // equal for runs whose steps should take equally long; 0: like nothing
    int64_t attempt;      // 0 before the first start
    int64_t crashes;      // crashed attempts since it was submitted or retried
    int64_t retries;      // so many crashes are followed by another attempt
    int64_t step;
    int64_t steps;
    int64_t epoch;
    double eta_s;           // NaN: not known
    double samples_per_sec; // NaN: not known
    int64_t created_at_ms;
    int64_t queued_at_ms;
    int64_t started_at_ms; // of the first attempt
    int64_t ended_at_ms;
    int64_t not_before_ms; // it does not start again sooner; 0: it may
    int64_t revision;      // counts edits, from 1 on
    int64_t ran_ms;        // in attempts that have ended, since it was made or retried
    int64_t tail_offset;   // bytes of events.ndjson that are in the database
} od_job;

void od_job_fini(od_job *job);

typedef struct od_job_list {
    od_job *items;
    size_t count;
} od_job_list;

void od_job_list_fini(od_job_list *list);

// OD_E_NOT_FOUND when there is none.
od_status od_jobs_get(sqlite3 *db, int64_t id, od_job *out, od_error *error) OD_MUST_CHECK;

// Newest first. {0} asks for everything.
typedef struct od_jobs_filter {
    unsigned states;       // bits 1u << od_job_state; 0: all
    const char *label_key; // NULL: all
    const char *label_value;
    int64_t experiment; // 0: all
    int64_t before_id;  // only ids below; 0: all
    size_t limit;       // 0: no limit
} od_jobs_filter;

od_status od_jobs_list(sqlite3 *db, const od_jobs_filter *filter, od_job_list *out,
                       od_error *error) OD_MUST_CHECK;

// Jobs per state; experiment 0 counts all jobs.
od_status od_jobs_count(sqlite3 *db, int64_t experiment, int64_t counts[OD_JOB_STATES],
                        od_error *error) OD_MUST_CHECK;

// --- for the queue -------------------------------------------------------------------------

// A new row, queued, with what job says of experiment, variant, name, notes, labels, spec, plan,
// connection, model, priority, threads, memory_bytes, age, likeness, retries, steps and
// created_at_ms.
od_status od_jobs_insert(sqlite3 *db, const od_job *job, int64_t *id,
                         od_error *error) OD_MUST_CHECK;

// OD_E_STALE, with what to say of a job that is at another revision than was asked for.
od_status od_jobs_stale(int64_t id, int64_t present, od_error *error) OD_MUST_CHECK;

// OD_E_STALE: the job has another revision by now (0: any will do). OD_E_NOT_FOUND.
od_status od_jobs_check_revision(sqlite3 *db, int64_t id, int64_t revision,
                                 od_error *error) OD_MUST_CHECK;

// NULL leaves a value as it is. OD_E_NOT_FOUND.
od_status od_jobs_edit(sqlite3 *db, int64_t id, const char *name, const char *notes,
                       const char *labels, const int64_t *priority, od_error *error) OD_MUST_CHECK;

// Deletes the row and, with it, the job's attempts, series, points and events, and notes that its
// files are to be removed. The state is the caller's concern.
od_status od_jobs_delete(sqlite3 *db, int64_t id, od_error *error) OD_MUST_CHECK;

// The jobs whose files are still to be removed, and that they have been. free(*ids).
od_status od_jobs_removals(sqlite3 *db, int64_t **ids, size_t *count,
                           od_error *error) OD_MUST_CHECK;
od_status od_jobs_removed(sqlite3 *db, int64_t id, od_error *error) OD_MUST_CHECK;

// How far a run is. step and epoch only; a NaN rate or rest is "not known".
od_status od_jobs_set_progress(sqlite3 *db, int64_t id, int64_t step, int64_t steps, int64_t epoch,
                               double eta_s, double samples_per_sec, od_error *error) OD_MUST_CHECK;

od_status od_jobs_set_tail(sqlite3 *db, int64_t id, int64_t tail_offset,
                           od_error *error) OD_MUST_CHECK;

// One attempt, as far as its worker has told of it.
typedef struct od_attempt {
    int64_t from_step; // -1: it has not said that it started
    int64_t pid;       // 0: it has not said
    char *boot_id;     // of the machine's boot it ran in; NULL: it has not said
    char *outcome;     // of its `end` line: "succeeded", "failed", "stopped"; NULL: there is none
    char *reason;      // of its `end` line, or NULL
    // as the queue has it
    int64_t number;
    int64_t started_at_ms;
    int64_t ended_at_ms; // 0: it has not ended
    char *devices;       // ids with commas between
    char *end_code;      // how it ended, or NULL
    char *end_reason;    // the same as a sentence, or NULL
} od_attempt;

void od_attempt_fini(od_attempt *attempt);

// free each with od_attempt_fini, and the array.
od_status od_jobs_attempts(sqlite3 *db, int64_t id, od_attempt **out, size_t *count,
                           od_error *error) OD_MUST_CHECK;

od_status od_jobs_attempt_get(sqlite3 *db, int64_t id, int64_t attempt, od_attempt *out,
                              od_error *error) OD_MUST_CHECK;
od_status od_jobs_attempt_insert(sqlite3 *db, int64_t id, int64_t attempt, int64_t now_ms,
                                 const char *devices, od_error *error) OD_MUST_CHECK;
// What its `start` and its `end` line said.
od_status od_jobs_attempt_started(sqlite3 *db, int64_t id, int64_t attempt, int64_t from_step,
                                  int64_t pid, const char *boot_id, od_error *error) OD_MUST_CHECK;
od_status od_jobs_attempt_outcome(sqlite3 *db, int64_t id, int64_t attempt, const char *outcome,
                                  const char *reason, od_error *error) OD_MUST_CHECK;
// Its worker is gone since ended_at_ms; the job's ran_ms grows by the time between.
od_status od_jobs_attempt_ended(sqlite3 *db, int64_t id, int64_t attempt, int64_t ended_at_ms,
                                const char *code, const char *reason,
                                od_error *error) OD_MUST_CHECK;

// Seconds a step took on average in the job's own last attempt, else in the last runs of the same
// likeness that succeeded; NaN: not known.
od_status od_jobs_step_time(sqlite3 *db, int64_t id, double *step_s, od_error *error) OD_MUST_CHECK;

// --- devices that take no new runs ---------------------------------------------------------

typedef struct od_drained {
    char *device; // "": the whole server
} od_drained;

// device "": the whole server. Fine when it is so already.
od_status od_jobs_set_drained(sqlite3 *db, const char *device, bool drained, int64_t now_ms,
                              od_error *error) OD_MUST_CHECK;
// free each device, and the array.
od_status od_jobs_drained(sqlite3 *db, od_drained **out, size_t *count,
                          od_error *error) OD_MUST_CHECK;

#endif
