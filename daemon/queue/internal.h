// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share. The database is the truth; the roster is the loop's copy of
// the jobs that have not ended, brought up to date by the done functions of writes, which come in
// the order of the commits. A decision made on the loop may be outdated when it reaches the writer
// thread: od_states_change then refuses it, and the loop has heard why by the time it is told.
#ifndef OD_DAEMON_QUEUE_INTERNAL_H
#define OD_DAEMON_QUEUE_INTERNAL_H

#include "daemon/queue/queue.h"
#include "daemon/queue/states.h"

typedef struct job_run job_run;

typedef struct roster_entry {
    int64_t id;
    int64_t priority;
    int64_t threads;
    od_job_state state;
    int64_t attempt;
    int64_t tail_offset;
    int64_t pid;    // of its worker, 0: not known
    int64_t *after; // jobs that it still waits for
    size_t after_count;
    int64_t doomed_by; // 0, or a job that it waits for and that will not succeed
    bool settling;     // a change that the queue itself asked for is on its way
    job_run *run;      // in the states that have a worker
} roster_entry;

typedef struct job_roster {
    roster_entry **items; // by priority, then id
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
void roster_fini(job_roster *roster);

struct od_queue {
    od_queue_config config;
    char *state_dir;
    char *worker;
    job_roster roster;
    int64_t slots_free;
    bool started;
    bool closing;
    size_t references; // what still has to come back before the memory may go
    size_t unsettled;  // adopted runs of which it is not known whether they live
    od_store_done start_done;
    void *start_ctx;
    uv_timer_t again; // schedules anew after a failed write
};

// References keep the queue's memory until the last callback has come.
void queue_hold(od_queue *queue);
void queue_release(od_queue *queue);
// Publishes events that were committed, and frees them.
void queue_publish(od_queue *queue, od_event_list *events);
// Starts what can be started.
void queue_schedule(od_queue *queue);
void queue_schedule_later(od_queue *queue);
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
// Asks the worker to stop: SIGTERM, and SIGKILL after the grace.
void run_stop(job_run *run);
// Lets go; the worker lives on.
void run_close(job_run *run);

#endif
