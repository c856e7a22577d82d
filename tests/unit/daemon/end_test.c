// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/end.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// An attempt that began at 1000 and ended at 9000 and left no `end` line.
typedef struct scene {
    od_job job;
    od_attempt attempt;
    od_worker_exit how;
    od_end_facts facts;
    od_end end;
} scene;

static char here[] = "here";
static char failed[] = "failed";
static char stopped[] = "stopped";
static char succeeded[] = "succeeded";
static char loss[] = "the loss is not finite";

static scene *begin(void) {
    static scene s;
    s = (scene){.job = {.id = 4, .state = OD_JOB_RUNNING, .attempt = 2, .retries = 3},
                .attempt = {.from_step = 0, .boot_id = here, .started_at_ms = 1000},
                .how = {.known = true, .signal = SIGKILL}};
    s.facts = (od_end_facts){.job = &s.job,
                             .attempt = &s.attempt,
                             .how = &s.how,
                             .boot_id = "here",
                             .retry_delay_ms = 100,
                             .retry_delay_max_ms = 300,
                             .now_ms = 9000};
    return &s;
}

static void assert_end(scene *s, od_job_state to, const char *code, const char *part) {
    od_end_judge(&s->facts, &s->end);
    assert_string_equal(od_job_state_text(s->end.change.to), od_job_state_text(to));
    assert_string_equal(s->end.change.code, code);
    const char *reason = s->end.change.reason;
    assert_int_equal(reason == NULL, part == NULL);
    if (reason != NULL && part != NULL && strstr(reason, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, reason);
    }
}

static void crashes_are_tried_again_as_often_as_allowed(void **state) {
    (void)state;
    scene *s = begin();
    const int64_t waits[] = {100, 200, 300};
    for (s->job.crashes = 0; s->job.crashes < 3; s->job.crashes++) {
        assert_end(s, OD_JOB_QUEUED, "crashed", "attempt 2 was killed by signal 9");
        assert_true(s->end.change.crashed);
        assert_int_equal(s->end.change.not_before_ms, 9000 + waits[s->job.crashes]);
    }
    assert_end(s, OD_JOB_FAILED, "crashed", "attempt 2 was killed by signal 9");
    assert_int_equal(s->end.change.not_before_ms, 0);
}

static void delays_double_up_to_the_most(void **state) {
    (void)state;
    assert_int_equal(od_end_delay_ms(5000, 600000, 0), 5000);
    assert_int_equal(od_end_delay_ms(5000, 600000, 6), 320000);
    assert_int_equal(od_end_delay_ms(5000, 600000, 7), 600000);
    assert_int_equal(od_end_delay_ms(5000, 600000, INT64_MAX), 600000);
    assert_int_equal(od_end_delay_ms(0, 600000, INT64_MAX), 0);
    assert_int_equal(od_end_delay_ms(5000, 1000, 0), 1000);
}

static void faults_of_the_run_are_not_tried_again(void **state) {
    (void)state;
    scene *s = begin();
    s->attempt.outcome = failed;
    s->attempt.reason = loss;
    assert_end(s, OD_JOB_FAILED, "failed", "the loss is not finite");
    s = begin();
    s->how.signal = 0;
    s->how.status = 2;
    snprintf(s->how.last_line, sizeof s->how.last_line, "ortho-worker: --dir: needs a value");
    assert_end(s, OD_JOB_FAILED, "usage", "needs a value");
    s->how.status = 1;
    assert_end(s, OD_JOB_QUEUED, "crashed", "exited with status 1");
}

static void a_kill_for_lack_of_memory_is_named(void **state) {
    (void)state;
    scene *s = begin();
    s->how.oom = OD_OOM_GROUP;
    assert_end(s, OD_JOB_QUEUED, "out_of_memory", "in this server's control group");
    s->how.oom = OD_OOM_MACHINE;
    assert_end(s, OD_JOB_QUEUED, "out_of_memory", "on this machine: most likely this run");
    s->how.signal = SIGSEGV; // that was not the kernel's killer
    assert_end(s, OD_JOB_QUEUED, "crashed", "signal 11");
    s->how.signal = SIGKILL;
    s->facts.killed = true; // nor was that
    assert_end(s, OD_JOB_QUEUED, "crashed", "signal 9");
}

static void without_the_exit_it_is_lost_or_a_reboot(void **state) {
    (void)state;
    scene *s = begin();
    s->how = (od_worker_exit){.last_written_ms = 5000};
    s->facts.adopted = true;
    assert_end(s, OD_JOB_QUEUED, "lost", "ended while the server was away");
    assert_int_equal(s->end.change.ended_at_ms, 5000); // it ran no longer than it wrote
    s->facts.boot_id = "there";
    assert_end(s, OD_JOB_QUEUED, "reboot", "the machine went down");
    s->facts.boot_id = "";
    assert_end(s, OD_JOB_QUEUED, "lost", "ended while");
    s->attempt.from_step = -1;
    s->job.state = OD_JOB_STARTING;
    assert_end(s, OD_JOB_QUEUED, "not_started", NULL);
    assert_false(s->end.change.crashed);
}

static void a_stop_is_what_it_was_asked_for(void **state) {
    (void)state;
    scene *s = begin();
    s->attempt.outcome = stopped;
    assert_end(s, OD_JOB_QUEUED, "stopped", "stopped from outside");
    s->facts.why = OD_STOP_PREEMPTED;
    assert_end(s, OD_JOB_QUEUED, "preempted", "made room");
    assert_false(s->end.change.crashed);
    s->facts.why = OD_STOP_TIME;
    s->facts.time_limit_s = 8;
    assert_end(s, OD_JOB_FAILED, "time_limit", "its time limit of 8 s");
    s->job.state = OD_JOB_PAUSING;
    assert_end(s, OD_JOB_PAUSED, "paused", NULL);
    s->job.state = OD_JOB_CANCELLING;
    assert_end(s, OD_JOB_CANCELLED, "cancelled", "on request");
}

static void a_limit_is_kept_by_the_time_that_was_used(void **state) {
    (void)state;
    scene *s = begin(); // the daemon that asked it to stop is not this one
    s->attempt.outcome = stopped;
    s->facts.time_limit_s = 10;
    s->facts.adopted = true;
    s->job.ran_ms = 1999;
    assert_end(s, OD_JOB_QUEUED, "stopped", "from outside");
    s->job.ran_ms = 2000;
    assert_end(s, OD_JOB_FAILED, "time_limit", "its time limit of 10 s");
    s->facts.adopted = false; // then this daemon would have stopped it
    assert_end(s, OD_JOB_QUEUED, "stopped", "from outside");
}

static void a_kill_of_ours_is_no_crash(void **state) {
    (void)state;
    scene *s = begin();
    s->facts.killed = true;
    s->facts.why = OD_STOP_PREEMPTED;
    assert_end(s, OD_JOB_QUEUED, "preempted", "made room");
    assert_false(s->end.change.crashed);
    s->facts.why = OD_STOP_TIME;
    assert_end(s, OD_JOB_FAILED, "time_limit", "did not stop in time and was killed");
}

static void success_is_final(void **state) {
    (void)state;
    static const od_job_state states[] = {OD_JOB_RUNNING, OD_JOB_PAUSING, OD_JOB_CANCELLING};
    for (size_t i = 0; i < 3; i++) {
        scene *s = begin();
        s->attempt.outcome = succeeded;
        s->job.state = states[i];
        s->facts.why = OD_STOP_TIME;
        assert_end(s, OD_JOB_SUCCEEDED, "succeeded", NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crashes_are_tried_again_as_often_as_allowed),
        cmocka_unit_test(delays_double_up_to_the_most),
        cmocka_unit_test(faults_of_the_run_are_not_tried_again),
        cmocka_unit_test(a_kill_for_lack_of_memory_is_named),
        cmocka_unit_test(without_the_exit_it_is_lost_or_a_reboot),
        cmocka_unit_test(a_stop_is_what_it_was_asked_for),
        cmocka_unit_test(a_limit_is_kept_by_the_time_that_was_used),
        cmocka_unit_test(a_kill_of_ours_is_no_crash),
        cmocka_unit_test(success_is_final),
    };
    return cmocka_run_group_tests_name("end", tests, NULL, NULL);
}
