// SPDX-License-Identifier: Apache-2.0
// What a real queue says of its jobs, and what keeps it from starting them.
#include "base/clock.h"
#include "daemon/queue/queue.h"
#include "tests/unit/daemon/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BOTH_SLOTS "\"resources\": {\"threads\": 2}"

static od_explanation explain(world *w, int64_t id) {
    od_explanations *all = od_queue_explain(w->queue);
    assert_non_null(all);
    const od_explanation *found = od_explanations_find(all, id);
    assert_non_null(found);
    od_explanation out = *found;
    od_explanations_release(all);
    return out;
}

static void assert_waits(world *w, int64_t id, const char *code, int64_t by, int64_t position,
                         const char *part) {
    od_explanation found = explain(w, id);
    assert_string_equal(od_wait_code_text(found.code), code);
    assert_int_equal(found.by, by);
    assert_int_equal(found.position, position);
    if (strstr(found.detail, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, found.detail);
    }
}

static int64_t start_waiting(world *w, const char *more) {
    int64_t id = world_submit(w, "wait", more);
    world_wait(w, id, OD_JOB_RUNNING, 1);
    return id;
}

static void each_job_knows_why_it_waits(void **state) {
    static const od_label_limit limits[] = {{"user", "*", 1}};
    world *w = *state;
    w->label_limits = limits;
    w->label_limit_count = 1;
    world_start(w, NULL);
    int64_t first = start_waiting(w, "\"labels\": {\"user\": \"ann\"}");
    world_submit(w, "succeed", BOTH_SLOTS);
    world_submit(w, "succeed", "");
    world_submit(w, "succeed", "\"queue\": {\"after\": [3]}");
    world_submit(w, "succeed", "\"labels\": {\"user\": \"ann\"}");
    world_ask(w, 4, OD_QUEUE_PAUSE);
    assert_waits(w, 2, "slots", 0, 1, "it needs 2 CPU slots; free: 1");
    assert_waits(w, 3, "behind", 2, 2, "job 2 is in front of it");
    assert_waits(w, 4, "paused", 0, 0, "resume");
    assert_waits(w, 5, "label_limit", 0, 3, "1 jobs with the same user=* run");
    world_ask(w, 4, OD_QUEUE_RESUME);
    assert_waits(w, 4, "dependency", 3, 3, "it starts after job 3");
    assert_string_equal(explain(w, first).detail, "");
}

static void memory_is_told_in_gib(void **state) {
    world *w = *state;
    w->plan = "{\"steps\": 6, \"memory_bytes\": 600}";
    world_start(w, NULL);
    start_waiting(w, "");
    int64_t second = world_submit(w, "succeed", "");
    assert_waits(w, second, "memory", 0, 1, "it needs 0.00 GiB of memory");
}

static void a_crash_is_waited_out(void **state) {
    world *w = *state;
    w->retry_delay_ms = 60000;
    world_start(w, NULL);
    int64_t id = world_submit(w, "crash", "\"queue\": {\"retries\": 1}");
    world_wait(w, id, OD_JOB_QUEUED, 2);
    assert_waits(w, id, "backoff", 0, 1, "attempt 1 crashed");
    int64_t left_ms = explain(w, id).until_ms - od_clock_wall_ms();
    assert_true(left_ms > 0 && left_ms <= 600000); // a wall time
    world_stop(w);
    world_start(w, NULL); // it is not forgotten
    assert_waits(w, id, "backoff", 0, 1, "attempt 1 crashed");
}

// Fake workers say that they have 1.5 s left.
static void times_follow_from_what_workers_say(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = start_waiting(w, BOTH_SLOTS);
    int64_t second = world_submit(w, "succeed", BOTH_SLOTS);
    int64_t third = world_submit_spec(w, "{\"name\": \"succeed\", \"model\": {\"arch\": \"x\"}}");
    od_explanation running;
    while ((running = explain(w, first)).end_ms == 0) {
        uv_run(&w->loop, UV_RUN_ONCE); // its first line of progress is on the way
    }
    od_explanation alike = explain(w, second);
    assert_int_equal(running.start_ms, 0);
    assert_in_range(alike.start_ms - running.end_ms, 0, 1000);
    // Three steps in 1.5 s: six take 3 s.
    assert_in_range(alike.end_ms - alike.start_ms, 1000, 5000);
    od_explanation other = explain(w, third); // like no other run
    assert_in_range(other.start_ms - alike.end_ms, 0, 1000);
    assert_int_equal(other.end_ms, 0);
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, third, OD_JOB_SUCCEEDED, 1);
}

static void a_time_limit_bounds_what_is_not_known(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = start_waiting(w, BOTH_SLOTS);
    int64_t second = world_submit(
        w, "succeed", "\"resources\": {\"threads\": 2, \"time_limit_s\": 100}, \"x\": 1");
    while (explain(w, first).end_ms == 0) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    od_explanation found = explain(w, second); // like no other run
    assert_true(found.start_ms > 0);
    assert_int_equal(found.end_ms - found.start_ms, 100000);
}

// --- drain ---------------------------------------------------------------------------------

typedef struct outcome {
    bool done;
    od_status status;
} outcome;

static void on_done(void *ctx, od_status status, const od_error *error) {
    (void)error;
    *(outcome *)ctx = (outcome){true, status};
}

static od_status drain(world *w, const char *device, bool on) {
    outcome o = {0};
    od_queue_drain(w->queue, device, on, on_done, &o);
    while (!o.done) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    return o.status;
}

static void a_drained_server_starts_nothing(void **state) {
    world *w = *state;
    world_start(w, NULL);
    int64_t first = start_waiting(w, "");
    assert_int_equal(drain(w, NULL, true), OD_OK);
    int64_t second = world_submit(w, "succeed", "");
    assert_waits(w, second, "drained", 0, 1, "the server starts nothing");
    assert_true(od_queue_is_drained(w->queue));
    kill(world_worker_pid(w, first), SIGUSR1);
    world_wait(w, first, OD_JOB_SUCCEEDED, 1); // it was not stopped
    world_stop(w);
    world_start(w, NULL);
    assert_waits(w, second, "drained", 0, 1, "the server starts nothing");
    assert_int_equal(drain(w, NULL, false), OD_OK);
    world_wait(w, second, OD_JOB_SUCCEEDED, 1);
}

static void a_drained_device_gets_nothing_new(void **state) {
    world *w = *state;
    world_start(w, NULL);
    assert_int_equal(drain(w, "gpu", true), OD_E_NOT_FOUND);
    assert_int_equal(drain(w, "cpu", true), OD_OK);
    int64_t id = world_submit(w, "succeed", "");
    assert_waits(w, id, "drained", 0, 1, "the devices that it could run on are drained");
    assert_false(od_queue_is_drained(w->queue));
    assert_true(od_queue_devices(w->queue)->items[0].drained);
    world_stop(w);
    world_start(w, NULL);
    assert_true(od_queue_devices(w->queue)->items[0].drained);
    assert_int_equal(drain(w, "cpu", false), OD_OK);
    world_wait(w, id, OD_JOB_SUCCEEDED, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_job_knows_why_it_waits),
        TEST(memory_is_told_in_gib),
        TEST(a_crash_is_waited_out),
        TEST(times_follow_from_what_workers_say),
        TEST(a_time_limit_bounds_what_is_not_known),
        TEST(a_drained_server_starts_nothing),
        TEST(a_drained_device_gets_nothing_new),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
