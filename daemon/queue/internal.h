// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share. The database is the truth; the roster is the loop's copy of
// the jobs that have not ended, brought up to date by the done functions of writes, which come in
// the order of the commits. A decision made on the loop may be outdated when it reaches the writer
// thread: od_states_change then refuses it, and the loop has heard why by the time it is told.
#ifndef OD_DAEMON_QUEUE_INTERNAL_H
#define OD_DAEMON_QUEUE_INTERNAL_H

#include "base/buffer.h"
#include "daemon/queue/end.h"
#include "daemon/queue/queue.h"
#include "daemon/queue/schedule.h"
#include "daemon/queue/states.h"

typedef struct job_run job_run;

typedef struct roster_entry {
    int64_t id;
    int64_t priority;
    int64_t age;
    od_job_state state;
    int64_t attempt;
    int64_t tail_offset;
    int64_t pid; // of its worker, 0: not known
    od_demand demand;
    od_device_set devices; // that it holds: while it is active, and while its start is being stored
    char *device_names;    // of an attempt that a former daemon started
    cJSON *label_object;   // what labels points into
    od_label *labels;
    size_t label_count;
    int64_t *after;  // jobs that it still waits for
    bool *after_any; // of each: to end, in whatever way
    size_t after_count;
    int64_t doomed_by;       // 0, or a job that it waits for and that will not succeed
    int64_t not_before_ms;   // monotonic; 0: it may start
    int64_t time_limit_s;    // 0: none
    int64_t ran_ms;          // towards the limit, in attempts before this one
    int64_t attempt_from_ms; // when this one began; monotonic
    int64_t likeness;
    double step_s;    // that a step takes by what other attempts took; NaN: not known
    bool step_s_live; // those attempts have not ended
    int64_t from_step, step, steps;
    double eta_s;    // as the worker said last; NaN: it did not
    int64_t told_ms; // when it said so; monotonic
    bool preempted;  // it was asked to make room
    bool settling;   // a change that the queue itself asked for is on its way
    job_run *run;    // in the states that have a worker
} roster_entry;

typedef struct job_roster {
    roster_entry **items; // in the total order of schedule.h
    size_t count;
    size_t capacity;
} job_roster;

// Reads what the roster has to know of a job. OD_E_NOT_FOUND.
od_status roster_read(sqlite3 *db, int64_t id, roster_entry **out, od_error *error) OD_MUST_CHECK;
void roster_entry_free(roster_entry *entry);
roster_entry *roster_find(const job_roster *roster, int64_t id);
// Takes entry in every case.
od_status roster_add(job_roster *roster, roster_entry *entry_take) OD_MUST_CHECK;
void roster_remove(job_roster *roster, roster_entry *entry); // frees it
void roster_sort(job_roster *roster);                        // after a priority has changed
// A job has ended: those that wait for it hear of it.
void roster_resolve(job_roster *roster, int64_t id, bool succeeded);
// Takes over other labels, a JSON object; false: no memory, and it has none.
bool roster_label(roster_entry *entry, const char *labels);
void roster_fini(job_roster *roster);

struct od_queue {
    od_queue_config config;
    char *state_dir;
    char *worker;
    job_roster roster;
    od_device_table devices; // with what is free
    bool drained;
    bool started;
    bool closing;
    size_t references; // what still has to come back before the memory may go
    size_t unsettled;  // adopted runs of which it is not known whether they live
    od_store_done start_done;
    void *start_ctx;
    uv_timer_t again;      // schedules anew after a failed write, and when some time has come
    od_schedule_job *jobs; // room for both, of capacity
    od_schedule_result *results;
    size_t capacity;
    od_explanations *explained; // NULL: what was made is out of date
    int64_t explained_ms;       // when; monotonic
};

// References keep the queue's memory until the last callback has come.
void queue_hold(od_queue *queue);
void queue_release(od_queue *queue);
// Publishes events that were committed, and frees them.
void queue_publish(od_queue *queue, od_event_list *events);

// A change that the queue itself asks for: a job's own copy of what a write needs, as the entry may
// be gone when it comes back.
typedef struct queue_step {
    od_queue *queue;
    int64_t job;
    od_state_change change;
    char reason[160];
    int64_t attempt;
    od_buffer devices; // of a start: their names
    char *spec;        // of a start
    od_event_list events;
} queue_step;

queue_step *queue_step_new(od_queue *queue, roster_entry *entry, od_job_state to);
void queue_step_free(queue_step *step);
od_status queue_step_work(sqlite3 *db, void *ctx, od_error *error) OD_MUST_CHECK;
// What a failed change leaves: the entry is as it was. A conflict means that somebody was faster,
// and the roster has heard of that already.
void queue_step_failed(const queue_step *step, roster_entry *entry, od_status status,
                       const od_error *error);

// A committed drain arrives at the table; device "": the whole server.
void queue_set_drained(od_queue *queue, const char *device, bool drained);

// Starts what can be started, and has room made for what may ask for it.
void queue_schedule(od_queue *queue);
void queue_schedule_later(od_queue *queue);
// Fills queue->jobs and queue->results with one item for each of the roster's, in their order: what
// would be decided now.
od_status queue_decide(od_queue *queue) OD_MUST_CHECK;
od_schedule_rules queue_rules(const od_queue *queue);
// Removes the files of a job that was deleted from the database.
void queue_remove_files(od_queue *queue, int64_t job);
// A committed change of state arrives at the roster.
void queue_entered(od_queue *queue, roster_entry *entry, od_job_state state);
// An adopted run is known to live, or has been settled.
void queue_settled(od_queue *queue);

// One attempt of a job: its worker and its tail. Ends itself: after its last line and state are
// committed, it tells queue_entered and frees itself.
od_status run_start(od_queue *queue, roster_entry *entry, const char *spec,
                    od_error *error) OD_MUST_CHECK;
od_status run_adopt(od_queue *queue, roster_entry *entry, od_error *error) OD_MUST_CHECK;
// Asks the worker to stop: SIGTERM, and SIGKILL after the grace. The first reason counts.
void run_stop(job_run *run, od_stop_reason why);
// A run has told how far it is: what that says of others like it.
void queue_progressed(od_queue *queue, const roster_entry *entry);
// What is known of a job that comes into the roster from others that run.
void queue_learn(od_queue *queue, roster_entry *entry);
// Lets go; the worker lives on.
void run_close(job_run *run);

#endif
