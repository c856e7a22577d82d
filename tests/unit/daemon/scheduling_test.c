// SPDX-License-Identifier: Apache-2.0
// What the decisions of schedule.h come to with real processes (fake_worker.c) and a real database.
#include "daemon/queue/queue.h"
#include "tests/unit/daemon/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STARTS "SELECT job FROM events WHERE data LIKE '%\"starting\"%' ORDER BY id"
#define BOTH_SLOTS "\"resources\": {\"threads\": 2}"

static void assert_reason(world *w, int64_t id, const char *code, const char *part) {
    od_job job = world_job(w, id);
    assert_non_null(job.reason);
    assert_string_equal(job.reason_code, code);
    if (strstr(job.reason, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, job.reason);
    }
    od_job_fini(&job);
}

static int64_t start_waiting(world *w, const char *more) {
    int64_t id = world_submit(w, "wait", more);
    world_wait(w, id, OD_JOB_RUNNING, 1);
    return id;
}

// --- memory --------------------------------------------------------------------------------

static void memory_is_held_from_start_to_end(void **state) {
    world *w = *state;
    w->plan = "{\"steps\": 6, \"memory_bytes\": 600}"; // of 1000
    world_start(w, NULL);
    int64_t first = start_waiting(w, "");
    int64_t second = world_submit(w, "succeed", "");
    const od_device *cpu = od_queue_devices(w->queue)->items;
    assert_int_equal(cpu->slots_free, 1);
    assert_int_equal(cpu->memory_free_bytes, 400);
    world_assert_states(w, second, "queued");
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
    assert_int_equal(cpu->memory_free_bytes, 1000);
    world_assert_query(w, "SELECT count(*) FROM attempts WHERE devices = 'cpu'", "2");
}

static void a_run_that_never_fits_the_memory_is_refused(void **state) {
    world *w = *state;
    world_start(w, NULL);
    w->plan = "{\"steps\": 6, \"memory_bytes\": 1001}";
    assert_int_equal(world_submit(w, "succeed", ""), OD_E_INVALID);
    world_assert_query(w, "SELECT count(*) FROM jobs", "0");
    w->plan = "{\"steps\": 6, \"memory_bytes\": 1000}";
    world_wait(w, world_submit(w, "succeed", ""), OD_JOB_SUCCEEDED, 1);
}

static void an_adopted_run_holds_what_it_held(void **state) {
    world *w = *state;
    w->plan = "{\"steps\": 6, \"memory_bytes\": 600}";
    world_start(w, NULL);
    start_waiting(w, "");
    world_stop(w);
    world_start(w, NULL);
    assert_int_equal(od_queue_devices(w->queue)->items[0].memory_free_bytes, 400);
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 1);
}

// --- what else they wait for ---------------------------------------------------------------

static void any_end_is_enough_for_some(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = start_waiting(w, "");
    int64_t any = world_submit(w, "succeed", "\"queue\": {\"after_any\": [1]}");
    int64_t success = world_submit(w, "succeed", "\"queue\": {\"after\": [1]}");
    world_assert_states(w, any, "queued");
    assert_int_equal(world_ask(w, first, OD_QUEUE_CANCEL), OD_OK);
    world_wait(w, any, OD_JOB_SUCCEEDED, 1);
    world_wait(w, success, OD_JOB_FAILED, 1);
    assert_reason(w, success, "dependency", "job 1, which it was to follow");
    // The same when they had ended before.
    world_wait(w, world_submit(w, "succeed", "\"queue\": {\"after_any\": [1]}"), OD_JOB_SUCCEEDED,
               1);
    assert_int_equal(world_submit(w, "succeed", "\"queue\": {\"after_any\": [99]}"), OD_E_INVALID);
}

static void labels_limit_how_many_run(void **state) {
    static const od_label_limit limits[] = {{"user", "*", 1}};
    world *w = *state;
    w->label_limits = limits;
    w->label_limit_count = 1;
    world_start(w, NULL);
    start_waiting(w, "\"labels\": {\"user\": \"ann\"}");
    int64_t second = world_submit(w, "succeed", "\"labels\": {\"user\": \"ann\"}");
    int64_t other = world_submit(w, "succeed", "\"labels\": {\"user\": \"bob\"}");
    world_wait(w, other, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, second, "queued");
    assert_int_equal(world_edit_labels(w, second, "{\"user\": \"eve\"}"), OD_OK);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
}

static const od_submission *paired_jobs(void) {
#define JOB(values)                                                                            \
    {                                                                                          \
        .spec = "{\"name\": \"succeed\", \"model\": {\"arch\": \"resnet18\"}," BOTH_SLOTS "}", \
        .plan = "{\"steps\": 6}", .variant = values                                            \
    }
    static const od_submission jobs[] = {
        JOB("{\"residual.connection\": \"linear\", \"train.seed\": 0}"),
        JOB("{\"residual.connection\": \"linear\", \"train.seed\": 1}"),
        JOB("{\"residual.connection\": \"orthogonal\", \"train.seed\": 0}"),
        JOB("{\"residual.connection\": \"orthogonal\", \"train.seed\": 1}"),
    };
    return jobs;
}

static void ignore(void *ctx, od_status status, const od_error *error,
                   const od_submit_result *result, const od_faults *faults) {
    (void)ctx;
    (void)error;
    (void)result;
    (void)faults;
    assert_int_equal(status, OD_OK);
}

static void pairs_run_next_to_each_other(void **state) {
    world *w = *state;
    world_start(w, NULL);
    const od_submit_request request = {.jobs = paired_jobs(),
                                       .count = 4,
                                       .experiment_name = "pairs",
                                       .experiment_base = "{}",
                                       .experiment_vary = "{}"};
    od_queue_submit(w->queue, &request, ignore, NULL);
    world_wait(w, 4, OD_JOB_SUCCEEDED, 1);
    world_assert_query(w, STARTS, "1 3 2 4");
}

// --- preemption ----------------------------------------------------------------------------

static void a_run_makes_room_and_goes_on_afterwards(void **state) {
    world *w = *state;
    w->preempt = true;
    world_start(w, NULL);
    int64_t low = start_waiting(w, BOTH_SLOTS);
    int64_t next = world_submit(w, "succeed", BOTH_SLOTS);
    int64_t high = world_submit(w, "succeed", BOTH_SLOTS ", \"queue\": {\"priority\": 1}");
    world_wait(w, next, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, low, "queued starting running queued starting running succeeded");
    world_assert_query(w, STARTS, "1 3 1 2"); // its place among its equals is that of its age
    world_assert_query(w, "SELECT crashes FROM jobs WHERE id = 1", "0");
    world_assert_query(w, "SELECT end_code = 'preempted' FROM attempts WHERE job = 1", "1 0");
    (void)high;
}

static void a_run_that_does_not_make_room_is_killed_and_no_crash(void **state) {
    world *w = *state;
    w->preempt = true;
    w->grace_ms = 100;
    world_start(w, NULL);
    int64_t low = world_submit(w, "deaf", BOTH_SLOTS ", \"queue\": {\"retries\": 0}");
    world_wait(w, low, OD_JOB_RUNNING, 1);
    int64_t high = world_submit(w, "succeed", BOTH_SLOTS ", \"queue\": {\"priority\": 1}");
    world_wait(w, high, OD_JOB_SUCCEEDED, 1);
    world_wait(w, low, OD_JOB_RUNNING, 2);
    world_assert_query(w, "SELECT crashes FROM jobs WHERE id = 1", "0");
    world_ask(w, low, OD_QUEUE_CANCEL);
    world_wait(w, low, OD_JOB_CANCELLED, 1);
}

static void without_the_option_nobody_makes_room(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t low = start_waiting(w, BOTH_SLOTS);
    int64_t high = world_submit(w, "succeed", "\"queue\": {\"priority\": 1}");
    kill(world_worker_pid(w, low), SIGUSR1);
    world_wait(w, high, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, low, "queued starting running succeeded");
}

// --- time ----------------------------------------------------------------------------------

static void a_time_limit_ends_a_run_with_a_checkpoint(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "\"resources\": {\"time_limit_s\": 1}");
    world_wait(w, id, OD_JOB_FAILED, 1);
    world_assert_states(w, id, "queued starting running failed");
    assert_reason(w, id, "time_limit", "reached its time limit of 1 s at step 3 of 6");
    world_assert_query(w, "SELECT ran_ms >= 1000 FROM jobs", "1");
    // Another try has all of it again.
    assert_int_equal(world_ask(w, id, OD_QUEUE_RETRY), OD_OK);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
}

static od_status age_attempt(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    (void)error;
    return sqlite3_exec(db, "UPDATE attempts SET started_at_ms = started_at_ms - 100000", NULL,
                        NULL, NULL) == SQLITE_OK
               ? OD_OK
               : OD_E_DATABASE;
}

static void a_time_limit_counts_what_a_former_daemon_saw(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = start_waiting(w, "\"resources\": {\"time_limit_s\": 50}");
    assert_int_equal(world_write(w, age_attempt, NULL), OD_OK);
    world_stop(w);
    world_start(w, NULL);
    world_wait(w, id, OD_JOB_FAILED, 1);
    assert_reason(w, id, "time_limit", "reached its time limit of 50 s");
}

static void a_crash_is_followed_by_a_pause_that_doubles(void **state) {
    world *w = *state;
    w->retry_delay_ms = 150;
    world_start(w, NULL);
    int64_t id = world_submit(w, "doomed", "\"queue\": {\"retries\": 2}");
    world_wait(w, id, OD_JOB_FAILED, 1);
    world_assert_query(
        w,
        "SELECT b.started_at_ms - a.ended_at_ms >= 150 * a.attempt FROM attempts a JOIN"
        " attempts b ON b.attempt = a.attempt + 1",
        "1 1");
    assert_reason(w, id, "crashed", "attempt 3 was killed by signal 9");
    world_assert_query(w, "SELECT count(*) FROM attempts WHERE end_code = 'crashed'", "3");
}

static void another_boot_is_named(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = start_waiting(w, "\"queue\": {\"retries\": 0}");
    pid_t pid = world_worker_pid(w, id);
    world_stop(w);
    kill(pid, SIGKILL);
    w->boot_id = "another";
    world_start(w, NULL);
    world_wait(w, id, OD_JOB_FAILED, 1);
    assert_reason(w, id, "reboot", "which has booted anew since");
}

static od_status take_our_pid(sqlite3 *db, void *ctx, od_error *error) {
    char sql[96];
    (void)ctx;
    (void)error;
    snprintf(sql, sizeof sql, "UPDATE attempts SET pid = %d", (int)getpid());
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? OD_OK : OD_E_DATABASE;
}

// The process id of a dead worker may belong to somebody else by now: this program.
static void a_free_lock_is_dead_whoever_has_the_pid(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = start_waiting(w, "\"queue\": {\"retries\": 0}");
    pid_t pid = world_worker_pid(w, id);
    assert_int_equal(world_write(w, take_our_pid, NULL), OD_OK);
    world_stop(w);
    siginfo_t info;
    kill(pid, SIGKILL);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); // now its lock is free
    w->boot_id = "another";
    world_start(w, NULL);
    world_wait(w, id, OD_JOB_FAILED, 1); // a killed process may live a moment longer
    assert_reason(w, id, "reboot", "attempt 1 ended when the machine went down");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(memory_is_held_from_start_to_end),
        TEST(a_run_that_never_fits_the_memory_is_refused),
        TEST(an_adopted_run_holds_what_it_held),
        TEST(any_end_is_enough_for_some),
        TEST(labels_limit_how_many_run),
        TEST(pairs_run_next_to_each_other),
        TEST(a_run_makes_room_and_goes_on_afterwards),
        TEST(a_run_that_does_not_make_room_is_killed_and_no_crash),
        TEST(without_the_option_nobody_makes_room),
        TEST(a_time_limit_ends_a_run_with_a_checkpoint),
        TEST(a_time_limit_counts_what_a_former_daemon_saw),
        TEST(a_crash_is_followed_by_a_pause_that_doubles),
        TEST(another_boot_is_named),
        TEST(a_free_lock_is_dead_whoever_has_the_pid),
    };
    return cmocka_run_group_tests_name("scheduling", tests, NULL, NULL);
}
