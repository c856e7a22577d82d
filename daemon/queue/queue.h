// SPDX-License-Identifier: Apache-2.0
// The queue: accepts jobs, starts them as devices allow, and carries out what people ask of them. It
// is the only one that decides about states; the machine itself is written down in states.h, the
// order and the placement in schedule.h and placement.h (in words: docs/scheduling.md).
//
// All functions run on the loop's thread. Each done function runs later on the loop, exactly once,
// after the commit and after the events of the change were published.
#ifndef OD_DAEMON_QUEUE_QUEUE_H
#define OD_DAEMON_QUEUE_QUEUE_H

#include "base/error.h"
#include "base/schema.h"
#include "daemon/queue/schedule.h"
#include "daemon/store/events.h"
#include "daemon/store/idempotency.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct od_queue od_queue;

typedef struct od_queue_config {
    uv_loop_t *loop;
    od_store *store;
    od_event_sink sink;                // where all events go after their commit
    const char *state_dir;             // runs are in STATE_DIR/runs/ID
    const char *worker;                // path of ortho-worker
    const char *const *worker_options; // for each of them, up to a NULL; kept, not copied
    od_device_table devices;           // of this machine, all of them free
    int64_t default_threads;
    bool backfill;
    bool preempt;
    const od_label_limit *label_limits; // borrowed for the queue's life
    size_t label_limit_count;
    uint64_t stop_grace_ms; // between SIGTERM and SIGKILL
    int64_t retry_delay_ms; // before the first retry; doubles with each crash
    int64_t retry_delay_max_ms;
    const char *boot_id; // of the machine's present boot; borrowed for the queue's life
} od_queue_config;

od_status od_queue_new(const od_queue_config *config, od_queue **out,
                       od_error *error) OD_MUST_CHECK;

// Reads the jobs that have not ended, adopts the runs whose workers live, settles those whose
// workers do not, and starts scheduling. done runs when the state of every job is known again.
void od_queue_start(od_queue *queue, od_store_done done, void *ctx);

// Lets go of all runs, leaving their workers alone, and frees once the loop has closed its
// handles. To be called before od_store_close. NULL is fine.
void od_queue_close(od_queue *queue);

// One job to be. All strings are copied by od_queue_submit.
typedef struct od_submission {
    const char *spec;    // JSON, all defaults filled in, as the planner gave it back
    const char *plan;    // JSON, the planner's
    const char *variant; // JSON object, or NULL
} od_submission;

// Makes the text that answers the request, of the job or experiment that was just stored; kept with
// the key. Runs on the writer thread. *out is malloc'ed.
typedef od_status (*od_submit_render)(sqlite3 *db, int64_t id, char **out, od_error *error);

typedef struct od_submit_request {
    const od_submission *jobs;
    size_t count;                  // at least 1
    const char *experiment_name;   // NULL: a job of its own, and count is 1
    const char *experiment_base;   // JSON
    const char *experiment_vary;   // JSON
    const od_idempotency *request; // NULL: no key
    od_submit_render render;       // NULL: no text
} od_submit_request;

typedef struct od_submit_result {
    int64_t experiment;  // 0: none
    const int64_t *jobs; // ids, in the order of the request; NULL when replayed
    size_t count;
    bool replayed; // the key was known: id and body are what it made then
    int64_t id;    // of the job, or of the experiment when there is one
    char *body;    // what render made, then or now; NULL: nothing. Borrowed
    size_t at;     // for OD_E_INVALID: the job at fault
} od_submit_result;

// faults is empty but for OD_E_INVALID: what of the spec cannot be met here (od_queue_check); with
// several jobs, those of the first job at fault, result->at. Otherwise result is valid for OD_OK
// alone. OD_E_EXISTS: the key was used with another body. OD_E_BUSY: stopping.
typedef void (*od_submit_done)(void *ctx, od_status status, const od_error *error,
                               const od_submit_result *result, const od_faults *faults);

// Stores all jobs, or none, and queues them. done may run before this function returns.
void od_queue_submit(od_queue *queue, const od_submit_request *request, od_submit_done done,
                     void *ctx);

// What od_queue_submit would find wrong with a valid spec, with all defaults or without, as far as it
// can be told before it is planned: more threads than slots, unknown jobs in queue.after. Runs
// inside work functions of the store.
od_status od_queue_check(const od_queue *queue, sqlite3 *db, const cJSON *spec, od_faults *faults,
                         od_error *error) OD_MUST_CHECK;

// The rest of it, when the plan is known: what each rank needs is more than any device has.
od_status od_queue_check_room(const od_queue *queue, const cJSON *spec, const cJSON *plan,
                              od_faults *faults) OD_MUST_CHECK;

typedef enum od_queue_verb {
    OD_QUEUE_CANCEL,
    OD_QUEUE_PAUSE,
    OD_QUEUE_RESUME,
    OD_QUEUE_RETRY,
} od_queue_verb;

// OD_E_NOT_FOUND: no such job. OD_E_CONFLICT: its state forbids it; the error names the state. A
// job that is already on the way to (or in) the wanted state is fine when that is not an end.
void od_queue_ask(od_queue *queue, int64_t job, od_queue_verb verb, od_store_done done, void *ctx);

typedef struct od_job_edit {
    const char *name;        // NULL: stays
    const char *notes;       // NULL: stays
    const char *labels;      // JSON object; NULL: stays
    const int64_t *priority; // NULL: stays
    int64_t revision;        // that it was made from; 0: any
} od_job_edit;

// OD_E_NOT_FOUND, OD_E_STALE. Strings are copied.
void od_queue_edit(od_queue *queue, int64_t job, const od_job_edit *edit, od_store_done done,
                   void *ctx);

// Deletes an ended job of this revision (0: any) with its points, events and files. OD_E_NOT_FOUND,
// OD_E_CONFLICT, OD_E_STALE.
void od_queue_delete(od_queue *queue, int64_t job, int64_t revision, od_store_done done, void *ctx);

// The devices with what is free of them. Borrowed until the next turn of the loop.
const od_device_table *od_queue_devices(const od_queue *queue);

// Devices take no new runs until they are undrained, also after a restart; those that run there go on.
// device NULL: the whole server. OD_E_NOT_FOUND: there is no such device.
void od_queue_drain(od_queue *queue, const char *device, bool on, od_store_done done, void *ctx);
// The whole server is.
bool od_queue_is_drained(const od_queue *queue);

// Why a job waits, and when it is expected to start and to end.
typedef struct od_explanation {
    int64_t job;
    od_wait_code code;
    int64_t by;       // the job that it waits for; 0: none
    int64_t until_ms; // of OD_WAIT_BACKOFF; wall time
    int64_t position; // among the queued ones, 1 is the next; 0: it is not queued
    char detail[360]; // a sentence; "": it does not wait
    int64_t start_ms; // expected; wall time; 0: not known
    int64_t end_ms;
} od_explanation;

// Never changed once it is made, so that other threads may read it.
typedef struct od_explanations {
    unsigned owners; // the loop's
    size_t count;
    od_explanation items[]; // of all jobs that have not ended, in the order of the queue
} od_explanations;

// A share of the table, to be released. NULL: no memory.
od_explanations *od_queue_explain(od_queue *queue);
// On the loop's thread. NULL is fine.
void od_explanations_release(od_explanations *list);
// NULL: nothing is known of that job.
const od_explanation *od_explanations_find(const od_explanations *list, int64_t job);

typedef struct od_queue_load {
    size_t running; // jobs with a worker
    size_t queued;
} od_queue_load;

od_queue_load od_queue_get_load(const od_queue *queue);

#endif
