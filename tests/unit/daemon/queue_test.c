// SPDX-License-Identifier: Apache-2.0
// The whole queue with a worker that only pretends (fake_worker.c): real processes, real signals,
// real files, and restarts of the queue in the middle.
#include "daemon/queue/queue.h"

#include "daemon/exec/rundir.h"
#include "tests/unit/daemon/world.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_reason(world *w, int64_t id, const char *part) {
    od_job job = world_job(w, id);
    if (part == NULL) {
        assert_null(job.reason);
    } else {
        assert_non_null(job.reason);
        if (strstr(job.reason, part) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", part, job.reason);
        }
    }
    od_job_fini(&job);
}

// The curve of the only series, as the steps that are part of it.
#define CURVE                                                                              \
    "SELECT step FROM points p WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job = 1" \
    " AND a.attempt > p.attempt AND a.from_step < p.step) ORDER BY step"

// --- from the start to the end -------------------------------------------------------------

static void a_job_runs_to_its_end(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "succeed", "");
    assert_int_equal(id, 1);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, id, "queued starting running succeeded");
    od_job job = world_job(w, id);
    assert_int_equal(job.step, 6);
    assert_int_equal(job.attempt, 1);
    assert_string_equal(job.model, "vit 64/6/4");
    assert_string_equal(job.connection, "linear");
    assert_true(job.started_at_ms > 0 && job.ended_at_ms >= job.started_at_ms);
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 2);
    od_job_fini(&job);
}

static void a_resnet_is_listed_by_its_name(void **state) {
    world *w = *state;
    world_start(w, NULL);
    const int64_t id = world_submit_spec(
        w, "{\"name\": \"succeed\", \"model\": {\"arch\": \"resnet18\", \"width\": null}}");
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    od_job job = world_job(w, id);
    assert_string_equal(job.model, "resnet18");
    od_job_fini(&job);
}

static void a_failed_run_is_not_tried_again(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "fail", "\"queue\": {\"retries\": 5}");
    world_wait(w, id, OD_JOB_FAILED, 1);
    world_assert_states(w, id, "queued starting running failed");
    assert_reason(w, id, "the data went away");
}

static void a_crashed_run_goes_on_from_its_checkpoint(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "crash", "\"queue\": {\"retries\": 1}");
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, id, "queued starting running queued starting running succeeded");
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
    world_assert_query(w, "SELECT count(*) FROM points", "8"); // 4 and 5 are kept, and superseded
    world_assert_query(w, "SELECT count FROM series", "6");
    world_assert_query(w, "SELECT round(10 * last) FROM series", "2"); // by the second attempt
}

static void retries_run_out(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "doomed", "\"queue\": {\"retries\": 2}");
    world_wait(w, id, OD_JOB_FAILED, 1);
    world_assert_query(w, "SELECT attempt FROM attempts", "1 2 3");
    assert_reason(w, id, "attempt 3 was killed by signal 9 (Killed); its log is empty");
}

static void a_worker_that_says_nothing_has_its_status_and_log_told(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "mute", "");
    world_wait(w, id, OD_JOB_FAILED, 1);
    world_assert_states(w, id, "queued starting failed");
    assert_reason(w, id, "attempt 1 exited with status 7");
    assert_reason(w, id, "its log ends with: nothing to say");
}

static void garbage_between_the_lines_does_no_harm(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "garbage", "");
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
}

static void a_worker_that_cannot_be_started_fails_the_job(void **state) {
    world *w = *state;
    world_start(w, "/nonexistent/worker");
    int64_t id = world_submit(w, "succeed", "\"queue\": {\"retries\": 3}");
    world_wait(w, id, OD_JOB_FAILED, 1);
    assert_reason(w, id, "/nonexistent/worker: cannot start: no such file or directory");
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 2);
}

// --- slots, order, dependencies ------------------------------------------------------------

static void a_job_that_needs_more_than_there_is_is_refused(void **state) {
    world *w = *state;
    world_start(w, NULL);
    assert_int_equal(world_submit(w, "succeed", "\"resources\": {\"threads\": 3}"), OD_E_INVALID);
    world_assert_query(w, "SELECT count(*) FROM jobs", "0");
    assert_int_equal(w->event_count, 0);
}

static void slots_are_held_and_wide_jobs_are_not_starved(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    int64_t wide = world_submit(w, "succeed", "\"resources\": {\"threads\": 2}");
    int64_t narrow = world_submit(w, "succeed", "");
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 1); // though narrow would fit
    assert_int_equal(kill(world_worker_pid(w, first), SIGUSR1), 0);
    world_wait(w, wide, OD_JOB_SUCCEEDED, 1);
    world_wait(w, narrow, OD_JOB_SUCCEEDED, 1);
    world_assert_query(w, "SELECT job FROM events WHERE data LIKE '%\"starting\"%' ORDER BY id",
                       "1 2 3");
}

static void priority_comes_before_age(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "\"resources\": {\"threads\": 2}");
    int64_t second = world_submit(w, "succeed", "\"resources\": {\"threads\": 2}");
    int64_t third =
        world_submit(w, "succeed", "\"resources\": {\"threads\": 2}, \"queue\": {\"priority\": 1}");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
    world_wait(w, third, OD_JOB_SUCCEEDED, 1);
    world_assert_query(w, "SELECT job FROM events WHERE data LIKE '%\"starting\"%' ORDER BY id",
                       "1 3 2");
}

static void a_job_waits_for_those_it_follows(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "");
    int64_t second = world_submit(w, "succeed", "\"queue\": {\"after\": [1]}");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    world_assert_states(w, second, "queued");
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
    int64_t third = world_submit(w, "succeed", "\"queue\": {\"after\": [1, 2]}");
    world_wait(w, third, OD_JOB_SUCCEEDED, 1);
}

static void a_job_fails_with_those_it_follows(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "");
    int64_t second = world_submit(w, "succeed", "\"queue\": {\"after\": [1]}");
    int64_t third = world_submit(w, "succeed", "\"queue\": {\"after\": [2]}");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    assert_int_equal(world_ask(w, first, OD_QUEUE_CANCEL), OD_OK);
    world_wait(w, third, OD_JOB_FAILED, 1);
    world_assert_states(w, second, "queued failed");
    assert_reason(w, second, "job 1, which it was to follow, did not succeed");
    assert_reason(w, third, "job 2, which it was to follow, did not succeed");
    int64_t fourth = world_submit(w, "succeed", "\"queue\": {\"after\": [1]}");
    world_wait(w, fourth, OD_JOB_FAILED, 1);
}

static void unknown_jobs_to_follow_are_refused(void **state) {
    world *w = *state;
    world_start(w, NULL);
    assert_int_equal(world_submit(w, "succeed", "\"queue\": {\"after\": [1]}"), OD_E_INVALID);
    world_assert_query(w, "SELECT count(*) FROM jobs", "0");
}

// --- what people ask -----------------------------------------------------------------------

static void a_running_job_is_cancelled(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK); // it is on its way
    world_wait(w, id, OD_JOB_CANCELLED, 1);
    world_assert_states(w, id, "queued starting running cancelling cancelled");
    assert_reason(w, id, "cancelled on request");
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_E_CONFLICT);
    assert_int_equal(world_ask(w, 99, OD_QUEUE_CANCEL), OD_E_NOT_FOUND);
}

static void a_job_that_is_just_starting_is_cancelled(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_STARTING, 1);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK);
    world_wait(w, id, OD_JOB_CANCELLED, 1);
}

static void a_queued_job_is_cancelled_at_once(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "\"resources\": {\"threads\": 2}");
    int64_t second = world_submit(w, "succeed", "");
    assert_int_equal(world_ask(w, second, OD_QUEUE_CANCEL), OD_OK);
    world_assert_states(w, second, "queued cancelled");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, first, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, second, "queued cancelled"); // it was not started in spite of that
}

static void a_worker_that_does_not_listen_is_killed(void **state) {
    world *w = *state;
    w->grace_ms = 100;
    world_start(w, NULL);
    int64_t id = world_submit(w, "deaf", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK);
    world_wait(w, id, OD_JOB_CANCELLED, 1);
    assert_reason(w, id, "was killed");
}

static void a_job_is_paused_and_resumed(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    assert_int_equal(world_ask(w, id, OD_QUEUE_PAUSE), OD_OK);
    world_wait(w, id, OD_JOB_PAUSED, 1);
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 2);
    assert_int_equal(world_ask(w, id, OD_QUEUE_RETRY), OD_E_CONFLICT);
    assert_int_equal(world_ask(w, id, OD_QUEUE_RESUME), OD_OK);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, id,
                        "queued starting running pausing paused queued starting running succeeded");
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
    world_assert_query(w, "SELECT crashes FROM jobs", "0");
}

static void a_cancelled_job_is_tried_again(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    world_ask(w, id, OD_QUEUE_CANCEL);
    world_wait(w, id, OD_JOB_CANCELLED, 1);
    assert_int_equal(world_ask(w, id, OD_QUEUE_RETRY), OD_OK);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    assert_int_equal(world_ask(w, id, OD_QUEUE_RETRY), OD_E_CONFLICT);
    assert_int_equal(world_ask(w, id, OD_QUEUE_PAUSE), OD_E_CONFLICT);
}

static void a_worker_stopped_by_others_goes_on(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "\"queue\": {\"retries\": 0}");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    kill(world_worker_pid(w, id), SIGTERM);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, id, "queued starting running queued starting running succeeded");
}

typedef struct outcome {
    bool done;
    od_status status;
    od_submit_result result;
} outcome;

static void on_done(void *ctx, od_status status, const od_error *error) {
    outcome *o = ctx;
    (void)error;
    o->done = true;
    o->status = status;
}

static void on_submitted(void *ctx, od_status status, const od_error *error,
                         const od_submit_result *result, const od_faults *faults) {
    outcome *o = ctx;
    (void)faults;
    on_done(ctx, status, error);
    if (result != NULL) {
        o->result = *result;
    }
}

static od_status wait_for(world *w, outcome *o) {
    alarm(60);
    while (!o->done) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    alarm(0);
    return o->status;
}

static void wait_for_removals(world *w) {
    alarm(60);
    for (bool left = true; left;) {
        char *count = world_query(w, "SELECT count(*) FROM removals");
        left = strcmp(count, "0") != 0;
        free(count);
    }
    alarm(0);
}

static void an_ended_job_is_deleted_with_its_files(void **state) {
    world *w = *state;
    outcome early = {0};
    outcome late = {0};
    char path[PATH_MAX];
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    od_queue_delete(w->queue, id, 0, on_done, &early);
    assert_int_equal(wait_for(w, &early), OD_E_CONFLICT);
    world_ask(w, id, OD_QUEUE_CANCEL);
    world_wait(w, id, OD_JOB_CANCELLED, 1);
    od_queue_delete(w->queue, id, 0, on_done, &late);
    assert_int_equal(wait_for(w, &late), OD_OK);
    wait_for_removals(w);
    assert_int_equal(od_rundir_path(path, w->folder, id, "", NULL), OD_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    world_assert_query(
        w,
        "SELECT count(*) FROM jobs UNION ALL SELECT count(*) FROM points UNION ALL"
        " SELECT count(*) FROM events UNION ALL SELECT count(*) FROM removals UNION ALL"
        " SELECT count(*) FROM attempts UNION ALL SELECT count(*) FROM series",
        "0 0 0 0 0 0");
    assert_int_equal(world_submit(w, "succeed", ""), id + 1); // numbers are not reused
}

static void a_job_is_edited(void **state) {
    world *w = *state;
    outcome found = {0};
    outcome missing = {0};
    int64_t priority = 5;
    const od_job_edit edit = {.name = "new", .labels = "{\"a\":\"b\"}", .priority = &priority};
    world_start(w, NULL);
    int64_t id = world_submit(w, "succeed", "\"notes\": \"old\"");
    od_queue_edit(w->queue, id, &edit, on_done, &found);
    assert_int_equal(wait_for(w, &found), OD_OK);
    od_queue_edit(w->queue, 77, &edit, on_done, &missing);
    assert_int_equal(wait_for(w, &missing), OD_E_NOT_FOUND);
    od_job job = world_job(w, id);
    assert_string_equal(job.name, "new");
    assert_string_equal(job.notes, "old");
    assert_string_equal(job.labels, "{\"a\":\"b\"}");
    assert_int_equal(job.priority, 5);
    od_job_fini(&job);
}

// --- submission ----------------------------------------------------------------------------

static const char SPEC[] = "{\"name\": \"succeed\"}";
static const char WIDE[] = "{\"name\": \"succeed\", \"resources\": {\"threads\": 9}}";

static outcome submit(world *w, const char *last_spec, const od_idempotency *key) {
    outcome o = {0};
    const od_submission jobs[] = {{SPEC, "{}", "{\"a\": 1}"}, {last_spec, "{}", "{\"a\": 2}"}};
    const od_submit_request request = {
        .jobs = jobs,
        .count = 2,
        .experiment_name = "pair",
        .experiment_base = "{}",
        .experiment_vary = "{\"a\": [1, 2]}",
        .request = key,
    };
    od_queue_submit(w->queue, &request, on_submitted, &o);
    wait_for(w, &o);
    return o;
}

static outcome overtaken;

// The first job's slots are not free yet: this comes before the start that they make possible.
static void cancel_the_second(world *w, int64_t job, od_job_state state) {
    if (job == 1 && state == OD_JOB_SUCCEEDED) {
        od_queue_ask(w->queue, 2, OD_QUEUE_CANCEL, on_done, &overtaken);
    }
}

static void a_cancel_that_overtakes_a_start_gives_the_slots_back(void **state) {
    world *w = *state;
    overtaken = (outcome){0};
    w->on_state = cancel_the_second;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "\"resources\": {\"threads\": 2}");
    int64_t second = world_submit(w, "succeed", "");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, second, OD_JOB_CANCELLED, 1);
    int64_t third = world_submit(w, "succeed", "\"resources\": {\"threads\": 2}");
    world_wait(w, third, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, second, "queued cancelled");
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 2);
}

static void an_experiment_is_made_with_all_its_jobs_or_not_at_all(void **state) {
    world *w = *state;
    world_start(w, NULL);
    assert_int_equal(submit(w, WIDE, NULL).status, OD_E_INVALID);
    world_assert_query(w, "SELECT count(*) FROM jobs UNION ALL SELECT count(*) FROM experiments",
                       "0 0");
    outcome good = submit(w, SPEC, NULL);
    assert_int_equal(good.status, OD_OK);
    assert_int_equal(good.result.count, 2);
    assert_int_equal(good.result.id, good.result.experiment);
    world_assert_query(w, "SELECT experiment FROM jobs", "1 1");
    world_wait(w, 2, OD_JOB_SUCCEEDED, 1);
}

static void a_key_makes_a_request_happen_once(void **state) {
    world *w = *state;
    const od_idempotency key = {"experiments:k", "digest"};
    const od_idempotency other_body = {"experiments:k", "other"};
    world_start(w, NULL);
    outcome first = submit(w, SPEC, &key);
    outcome second = submit(w, SPEC, &key);
    assert_false(first.result.replayed);
    assert_true(second.result.replayed);
    assert_int_equal(second.result.id, first.result.id);
    assert_int_equal(submit(w, SPEC, &other_body).status, OD_E_EXISTS);
    world_assert_query(w, "SELECT count(*) FROM jobs", "2");
}

static od_status say_hello(sqlite3 *db, int64_t id, char **out, od_error *error) {
    (void)db;
    (void)error;
    *out = id == 1 ? strdup("hello") : NULL;
    return *out != NULL ? OD_OK : OD_E_INTERNAL;
}

static char *kept_body;

static void keep_body(void *ctx, od_status status, const od_error *error,
                      const od_submit_result *result, const od_faults *faults) {
    kept_body = result != NULL && result->body != NULL ? strdup(result->body) : NULL;
    on_submitted(ctx, status, error, result, faults);
}

static void the_answer_is_kept_with_its_key(void **state) {
    world *w = *state;
    const od_idempotency key = {"jobs:k", "digest"};
    const od_submission job = {SPEC, "{}", NULL};
    const od_submit_request request = {
        .jobs = &job, .count = 1, .request = &key, .render = say_hello};
    world_start(w, NULL);
    for (int i = 0; i < 2; i++) {
        outcome o = {0};
        od_queue_submit(w->queue, &request, keep_body, &o);
        assert_int_equal(wait_for(w, &o), OD_OK);
        assert_int_equal(o.result.replayed, i == 1);
        assert_string_equal(kept_body, "hello");
        free(kept_body);
    }
}

static void an_answer_that_cannot_be_made_undoes_the_job(void **state) {
    world *w = *state;
    const od_submission job = {SPEC, "{}", NULL};
    const od_submit_request request = {.jobs = &job, .count = 1, .render = say_hello};
    outcome o = {0};
    world_start(w, NULL);
    world_wait(w, world_submit(w, "succeed", ""), OD_JOB_SUCCEEDED, 1);
    od_queue_submit(w->queue, &request, on_submitted, &o);
    assert_int_equal(wait_for(w, &o), OD_E_INTERNAL);
    world_assert_query(w, "SELECT id FROM jobs", "1");
}

static void a_deletion_that_was_cut_off_is_finished_by_the_next_start(void **state) {
    world *w = *state;
    outcome deleted = {0};
    char path[PATH_MAX];
    world_start(w, NULL);
    int64_t id = world_submit(w, "succeed", "");
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    od_queue_delete(w->queue, id, 0, on_done, &deleted);
    world_stop(w); // the row goes, the files may stay
    assert_int_equal(deleted.status, OD_OK);
    world_start(w, NULL);
    wait_for_removals(w);
    assert_int_equal(od_rundir_path(path, w->folder, id, "", NULL), OD_OK);
    assert_int_not_equal(access(path, F_OK), 0);
}

// --- restarts ------------------------------------------------------------------------------

static void a_new_daemon_adopts_a_living_worker(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    pid_t pid = world_worker_pid(w, id);
    world_stop(w);
    assert_int_equal(kill(pid, 0), 0);
    world_start(w, NULL);
    assert_int_equal(od_queue_devices(w->queue)->items[0].slots_free, 1);
    kill(pid, SIGUSR1);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_states(w, id, "queued starting running succeeded");
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
    world_assert_query(w, "SELECT count(*) FROM points", "6");
    world_assert_query(w, "SELECT count(*) FROM attempts", "1");
}

static void a_new_daemon_reads_what_it_missed(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    pid_t pid = world_worker_pid(w, id);
    world_stop(w);
    kill(pid, SIGUSR1);
    alarm(60);
    for (bool alive = true; alive;) { // the worker ends while nobody looks
        assert_int_equal(od_rundir_probe(w->folder, id, &alive, NULL), OD_OK);
    }
    alarm(0);
    world_start(w, NULL); // ready only when the state is known
    od_job job = world_job(w, id);
    assert_int_equal(job.state, OD_JOB_SUCCEEDED);
    od_job_fini(&job);
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
}

static void a_new_daemon_retries_what_crashed_meanwhile(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "\"queue\": {\"retries\": 1}");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    pid_t pid = world_worker_pid(w, id);
    world_stop(w);
    kill(pid, SIGKILL);
    world_start(w, NULL);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
    world_assert_query(w, "SELECT crashes FROM jobs", "1");
    world_assert_query(w, CURVE, "1 2 3 4 5 6");
}

static void a_new_daemon_cancels_an_adopted_worker(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    world_stop(w);
    world_start(w, NULL);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK);
    world_wait(w, id, OD_JOB_CANCELLED, 1);
}

static void a_new_daemon_goes_on_cancelling(void **state) {
    world *w = *state;
    w->grace_ms = 100;
    world_start(w, NULL);
    int64_t id = world_submit(w, "deaf", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    w->grace_ms = 60000;
    world_stop(w);
    world_start(w, NULL);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK);
    world_stop(w);
    w->grace_ms = 100;
    world_start(w, NULL);
    world_wait(w, id, OD_JOB_CANCELLED, 1);
}

// --- a database that cannot be written -----------------------------------------------------

static od_status run_script(sqlite3 *db, void *ctx, od_error *error) {
    (void)error;
    return sqlite3_exec(db, ctx, NULL, NULL, NULL) == SQLITE_OK ? OD_OK : OD_E_DATABASE;
}

// Turns the loop until the log has a line with part.
static void wait_for_log(world *w, int log, const char *part) {
    char text[4096] = "";
    size_t used = 0;
    while (strstr(text, part) == NULL) {
        ssize_t got = read(log, text + used, sizeof text - 1 - used);
        used += got > 0 ? (size_t)got : 0;
        text[used] = '\0';
        uv_run(&w->loop, UV_RUN_ONCE);
    }
}

// The end is tried again each second; what is asked meanwhile must not take that away.
static void a_cancel_while_the_end_cannot_be_stored(void **state) {
    world *w = *state;
    int log[2];
    int before = dup(STDERR_FILENO);
    world_start(w, NULL);
    int64_t id = world_submit(w, "wait", "");
    world_wait(w, id, OD_JOB_RUNNING, 1);
    char trigger[] = "CREATE TRIGGER no BEFORE UPDATE OF state ON jobs WHEN NEW.state = 6"
                     " BEGIN SELECT RAISE(ABORT, 'no room'); END";
    char none[] = "DROP TRIGGER no";
    assert_int_equal(world_write(w, run_script, trigger), OD_OK);
    assert_int_equal(pipe2(log, O_NONBLOCK), 0);
    dup2(log[1], STDERR_FILENO);
    kill(world_worker_pid(w, id), SIGUSR1);
    wait_for_log(w, log[0], "cannot store a job's end; trying again");
    dup2(before, STDERR_FILENO);
    assert_int_equal(world_ask(w, id, OD_QUEUE_CANCEL), OD_OK);
    assert_int_equal(world_write(w, run_script, none), OD_OK);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1); // it had by then
    world_assert_states(w, id, "queued starting running cancelling succeeded");
    close(before);
    close(log[0]);
    close(log[1]);
}

static od_status pretend_starting(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    (void)error;
    return sqlite3_exec(db,
                        "UPDATE jobs SET state = 1, attempt = 1 WHERE id = 2;"
                        "INSERT INTO attempts (job, attempt, started_at_ms) VALUES (2, 1, 1)",
                        NULL, NULL, NULL) == SQLITE_OK
               ? OD_OK
               : OD_E_DATABASE;
}

// As if the daemon had died between the commit of `starting` and the start.
static void a_start_that_never_happened_is_no_crash(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "\"resources\": {\"threads\": 2}");
    int64_t second = world_submit(w, "succeed", "\"queue\": {\"retries\": 0}");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    pid_t pid = world_worker_pid(w, first);
    world_stop(w);
    world_open_store(w);
    assert_int_equal(world_write(w, pretend_starting, NULL), OD_OK);
    world_start(w, NULL);
    world_assert_states(w, second, "queued queued");
    kill(pid, SIGUSR1);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
    world_assert_query(w, "SELECT crashes FROM jobs WHERE id = 2", "0");
    world_assert_query(w, "SELECT attempt FROM attempts WHERE job = 2", "1 2");
}

static void jobs_in_the_queue_survive_a_restart(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = world_submit(w, "wait", "\"resources\": {\"threads\": 2}");
    int64_t second = world_submit(w, "succeed", "\"queue\": {\"after\": [1]}");
    int64_t third = world_submit(w, "succeed", "\"queue\": {\"priority\": -1}");
    world_wait(w, first, OD_JOB_RUNNING, 1);
    pid_t pid = world_worker_pid(w, first);
    world_stop(w);
    world_start(w, NULL);
    kill(pid, SIGUSR1);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
    world_wait(w, third, OD_JOB_SUCCEEDED, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_job_runs_to_its_end),
        TEST(a_resnet_is_listed_by_its_name),
        TEST(a_failed_run_is_not_tried_again),
        TEST(a_crashed_run_goes_on_from_its_checkpoint),
        TEST(retries_run_out),
        TEST(a_worker_that_says_nothing_has_its_status_and_log_told),
        TEST(garbage_between_the_lines_does_no_harm),
        TEST(a_worker_that_cannot_be_started_fails_the_job),
        TEST(a_job_that_needs_more_than_there_is_is_refused),
        TEST(slots_are_held_and_wide_jobs_are_not_starved),
        TEST(priority_comes_before_age),
        TEST(a_job_waits_for_those_it_follows),
        TEST(a_job_fails_with_those_it_follows),
        TEST(unknown_jobs_to_follow_are_refused),
        TEST(a_running_job_is_cancelled),
        TEST(a_job_that_is_just_starting_is_cancelled),
        TEST(a_queued_job_is_cancelled_at_once),
        TEST(a_worker_that_does_not_listen_is_killed),
        TEST(a_job_is_paused_and_resumed),
        TEST(a_cancelled_job_is_tried_again),
        TEST(a_worker_stopped_by_others_goes_on),
        TEST(an_ended_job_is_deleted_with_its_files),
        TEST(the_answer_is_kept_with_its_key),
        TEST(an_answer_that_cannot_be_made_undoes_the_job),
        TEST(a_deletion_that_was_cut_off_is_finished_by_the_next_start),
        TEST(a_job_is_edited),
        TEST(a_cancel_that_overtakes_a_start_gives_the_slots_back),
        TEST(an_experiment_is_made_with_all_its_jobs_or_not_at_all),
        TEST(a_key_makes_a_request_happen_once),
        TEST(a_new_daemon_adopts_a_living_worker),
        TEST(a_new_daemon_reads_what_it_missed),
        TEST(a_new_daemon_retries_what_crashed_meanwhile),
        TEST(a_new_daemon_cancels_an_adopted_worker),
        TEST(a_new_daemon_goes_on_cancelling),
        TEST(a_start_that_never_happened_is_no_crash),
        TEST(a_cancel_while_the_end_cannot_be_stored),
        TEST(jobs_in_the_queue_survive_a_restart),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
