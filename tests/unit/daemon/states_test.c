// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/states.h"

#include "tests/unit/daemon/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The machine once more, as a person would draw it: rows are from, columns are to, in the order
// queued starting running pausing paused cancelling succeeded failed cancelled.
static const char *const machine[OD_JOB_STATES] = {
    [OD_JOB_QUEUED] = ".x..x..xx",    [OD_JOB_STARTING] = "x.xx.xxx.",
    [OD_JOB_RUNNING] = "x..x.xxx.",   [OD_JOB_PAUSING] = "....xxxx.",
    [OD_JOB_PAUSED] = "x.......x",    [OD_JOB_CANCELLING] = "......x.x",
    [OD_JOB_SUCCEEDED] = ".........", [OD_JOB_FAILED] = "x........",
    [OD_JOB_CANCELLED] = "x........",
};

// One change of a job that was put into a state by hand.
typedef struct pair {
    od_job_state from, to;
    od_event_list events;
    int64_t job;
    int64_t attempt;
} pair;

static od_status insert(sqlite3 *db, od_job_state state, int64_t *id, od_error *error) {
    char sql[256];
    const od_job job = {.name = "",
                        .notes = "",
                        .labels = "{}",
                        .spec = "{}",
                        .plan = "{}",
                        .connection = "",
                        .model = "",
                        .created_at_ms = 1000};
    OD_TRY(od_jobs_insert(db, &job, id, error));
    OD_TRY(od_jobs_attempt_insert(db, *id, 1, 1, "cpu", error));
    snprintf(sql, sizeof sql,
             "UPDATE jobs SET state = %d, attempt = 1, crashes = 2, eta_s = 5, ended_at_ms = %s"
             " WHERE id = %d",
             (int)state, od_job_state_ended(state) ? "7" : "NULL", (int)*id);
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? OD_OK : OD_E_DATABASE;
}

static od_status prepare(sqlite3 *db, void *ctx, od_error *error) {
    pair *p = ctx;
    return insert(db, p->from, &p->job, error);
}

static od_status change(sqlite3 *db, void *ctx, od_error *error) {
    pair *p = ctx;
    const od_state_change what = {.job = p->job, .to = p->to, .reason = "because"};
    return od_states_change(db, &what, &p->events, &p->attempt, error);
}

static void check_change(world *w, pair *p, bool allowed) {
    assert_int_equal(world_write(w, prepare, p), OD_OK);
    assert_int_equal(world_write(w, change, p), allowed ? OD_OK : OD_E_CONFLICT);
    od_job job = world_job(w, p->job);
    assert_int_equal(job.state, allowed ? p->to : p->from);
    assert_int_equal(p->events.count, allowed ? 1 : 0);
    if (allowed) {
        assert_string_equal(job.reason, "because");
        assert_int_equal(job.attempt, p->to == OD_JOB_STARTING ? 2 : 1);
        assert_int_equal(job.attempt, p->attempt);
        assert_int_equal(job.ended_at_ms != 0, od_job_state_ended(p->to));
        assert_non_null(strstr(p->events.items[0].data, od_job_state_text(p->to)));
        assert_int_equal(p->events.items[0].final, od_job_state_ended(p->to));
    }
    od_job_fini(&job);
    od_event_list_fini(&p->events);
}

static void every_pair_is_allowed_or_refused_as_drawn(void **state) {
    for (int from = 0; from < OD_JOB_STATES; from++) {
        for (int to = 0; to < OD_JOB_STATES; to++) {
            pair p = {.from = (od_job_state)from, .to = (od_job_state)to};
            bool allowed = machine[from][to] == 'x';
            assert_int_equal(od_states_allowed(p.from, p.to), allowed);
            check_change(*state, &p, allowed);
        }
    }
}

static void a_job_that_is_not_there_is_not_found(void **state) {
    pair p = {.job = 99, .to = OD_JOB_CANCELLED};
    assert_int_equal(world_write(*state, change, &p), OD_E_NOT_FOUND);
}

static od_status crash(sqlite3 *db, void *ctx, od_error *error) {
    pair *p = ctx;
    const od_state_change what = {.job = p->job, .to = OD_JOB_QUEUED, .crashed = true};
    return od_states_change(db, &what, &p->events, NULL, error);
}

static void crashes_are_counted_and_forgotten_on_retry(void **state) {
    world *w = *state;
    pair running = {.from = OD_JOB_RUNNING};
    pair failed = {.from = OD_JOB_FAILED, .to = OD_JOB_QUEUED};
    assert_int_equal(world_write(w, prepare, &running), OD_OK);
    assert_int_equal(world_write(w, crash, &running), OD_OK);
    assert_int_equal(world_write(w, prepare, &failed), OD_OK);
    assert_int_equal(world_write(w, change, &failed), OD_OK);
    char *crashes = world_query(w, "SELECT crashes FROM jobs ORDER BY id");
    assert_string_equal(crashes, "3 0");
    free(crashes);
    char *ended = world_query(w, "SELECT ended_at_ms IS NOT NULL FROM attempts ORDER BY job");
    assert_string_equal(ended, "1 0"); // leaving `running` ended the attempt
    free(ended);
    od_event_list_fini(&running.events);
    od_event_list_fini(&failed.events);
}

static void a_start_is_a_new_attempt(void **state) {
    world *w = *state;
    pair p = {.from = OD_JOB_QUEUED, .to = OD_JOB_STARTING};
    assert_int_equal(world_write(w, prepare, &p), OD_OK);
    assert_int_equal(world_write(w, change, &p), OD_OK);
    char *attempts = world_query(w, "SELECT attempt FROM attempts");
    assert_string_equal(attempts, "1 2");
    free(attempts);
    od_job job = world_job(w, p.job);
    assert_true(job.started_at_ms > 1000);
    od_job_fini(&job);
    od_event_list_fini(&p.events);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_pair_is_allowed_or_refused_as_drawn),
        TEST(a_job_that_is_not_there_is_not_found),
        TEST(crashes_are_counted_and_forgotten_on_retry),
        TEST(a_start_is_a_new_attempt),
    };
    return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
