// SPDX-License-Identifier: Apache-2.0
// A store, and a queue with the fake worker, in a test's own folder. Every wait is for an event and
// ends the test program after a minute.
#ifndef OD_TESTS_UNIT_DAEMON_WORLD_H
#define OD_TESTS_UNIT_DAEMON_WORLD_H

#include "daemon/queue/queue.h"
#include "daemon/store/jobs.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <sys/types.h>

enum { WORLD_STATES_MAX = 256 };

typedef struct world {
    char *folder;
    uv_loop_t loop;
    od_store *store;
    od_queue *queue;
    uint64_t grace_ms;
    bool preempt;
    const od_label_limit *label_limits;
    size_t label_limit_count;
    int64_t retry_delay_ms;
    const char *plan;    // of what is submitted; NULL: six steps, no memory
    const char *boot_id; // NULL: the one that fake workers tell
    struct {
        int64_t job;
        od_job_state state;
    } states[WORLD_STATES_MAX]; // of the `state` events that were published, in their order
    size_t state_count;
    int64_t last_event; // id
    size_t event_count;
    // Called from inside the queue, right when a state is published; may be NULL.
    void (*on_state)(struct world *w, int64_t job, od_job_state state);
} world;

// cmocka setup and teardown: *state is a world with an open store. world_start adds the queue.
int world_setup(void **state);
int world_teardown(void **state);

void world_open_store(world *w);
void world_close_store(world *w);
// A queue with 2 slots whose worker is program (NULL: the fake one); returns when it is ready.
void world_start(world *w, const char *program);
void world_stop(world *w); // queue and store; workers live on

// Runs work on the writer (or a reader) and waits; the status is the transaction's.
od_status world_write(world *w, od_store_work work, void *ctx);
od_status world_read(world *w, od_store_work work, void *ctx);

// Submits one job whose spec has this name; more ("" for none) are further JSON members of it.
// Returns its id, or the status (negative).
int64_t world_submit(world *w, const char *name, const char *more);
// The same with a whole spec.
int64_t world_submit_spec(world *w, const char *spec);
od_status world_edit_labels(world *w, int64_t job, const char *labels);
od_status world_ask(world *w, int64_t job, od_queue_verb verb);
// Waits for the job's count-th `state` event with that state since the world began.
void world_wait(world *w, int64_t job, od_job_state state, int count);
od_job world_job(world *w, int64_t id); // od_job_fini it
// Compares the states of a job that were published, "queued starting running succeeded".
void world_assert_states(const world *w, int64_t job, const char *states);
// All integers of an SQL query's first column, as "1 2 3". free() it.
char *world_query(world *w, const char *sql);
// The first of them, which must be there and be no less than 0.
int world_query_int(world *w, const char *sql);
// Compares all of them with expected.
void world_assert_query(world *w, const char *sql, const char *expected);
// The process of the job's newest attempt.
pid_t world_worker_pid(world *w, int64_t job);
// The path of the fake worker.
const char *world_fake_worker(void);

#endif
