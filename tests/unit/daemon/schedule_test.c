// SPDX-License-Identifier: Apache-2.0
// The order, the claims, backfill, preemption and the forecast, on simulated machines and queues.
#include "daemon/queue/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GIB ((int64_t)1 << 30)
#define NOT_KNOWN ((double)NAN)

enum { JOBS_MAX = 16 };

// A machine with a CPU of 4 slots and 16 GiB and a GPU of 8 GiB, and jobs in the order of job().
typedef struct scene {
    od_device_table table;
    od_schedule_rules rules;
    od_schedule_job jobs[JOBS_MAX];
    size_t count;
    od_schedule_result results[JOBS_MAX];
} scene;

static scene begin(void) {
    scene s = {.rules = {.backfill = true}};
    s.table.count = 2;
    s.table.items[0] = (od_device){"cpu", OD_DEVICE_CPU, false, 4, 4, 16 * GIB, 16 * GIB};
    s.table.items[1] = (od_device){"GPU-a", OD_DEVICE_CUDA, false, 0, 0, 8 * GIB, 8 * GIB};
    return s;
}

// Ids count up from 1.
static od_schedule_job *job(scene *s, int64_t slots, double rest_s) {
    od_schedule_job *out = &s->jobs[s->count++];
    *out = (od_schedule_job){.id = (int64_t)s->count,
                             .age = (int64_t)s->count,
                             .demand = {"cpu", 1, slots, GIB},
                             .rest_s = rest_s};
    return out;
}

static od_schedule_job *running(scene *s, int64_t slots, double rest_s) {
    od_schedule_job *out = job(s, slots, rest_s);
    out->running = true;
    out->devices = 1;
    od_placement_take(&s->table, &out->demand, out->devices);
    return out;
}

static od_schedule_job *on_gpu(scene *s, double rest_s) {
    od_schedule_job *out = job(s, 1, rest_s);
    out->demand = (od_demand){"cuda", 1, 1, 8 * GIB};
    return out;
}

static void decide(scene *s) {
    for (size_t i = 1; i < s->count; i++) {
        assert_true(od_schedule_before(&s->jobs[i - 1], &s->jobs[i])); // the caller's duty
    }
    assert_int_equal(od_schedule_decide(&s->table, &s->rules, s->jobs, s->count, s->results),
                     OD_OK);
}

static void forecast(scene *s) {
    decide(s);
    assert_int_equal(od_schedule_forecast(&s->table, &s->rules, s->jobs, s->count, s->results),
                     OD_OK);
}

static void assert_starts(const scene *s, int64_t id) {
    assert_true(s->results[id - 1].start);
}

static void assert_waits(const scene *s, int64_t id, od_wait_code why, int64_t by) {
    assert_false(s->results[id - 1].start);
    assert_string_equal(od_wait_code_text(s->results[id - 1].why), od_wait_code_text(why));
    assert_int_equal(s->results[id - 1].by, by);
}

static void assert_times(const scene *s, int64_t id, double start_s, double end_s) {
    const od_schedule_result *result = &s->results[id - 1];
    assert_true(isnan(start_s) ? isnan(result->start_s) : fabs(result->start_s - start_s) < 1e-9);
    assert_true(isnan(end_s) ? isnan(result->end_s) : fabs(result->end_s - end_s) < 1e-9);
}

// --- the order -----------------------------------------------------------------------------

static void the_order_is_priority_then_age_then_id(void **state) {
    (void)state;
    const od_schedule_job old = {.id = 1, .age = 1};
    const od_schedule_job young = {.id = 9, .age = 9};
    const od_schedule_job urgent = {.id = 10, .age = 10, .priority = 1};
    const od_schedule_job partner = {.id = 20, .age = 1}; // of job 1, made later in its experiment
    assert_true(od_schedule_before(&old, &young));
    assert_false(od_schedule_before(&young, &old));
    assert_true(od_schedule_before(&urgent, &old));
    assert_true(od_schedule_before(&old, &partner));
    assert_true(od_schedule_before(&partner, &young));
    assert_false(od_schedule_before(&old, &old));
}

static void those_that_fit_start_in_order(void **state) {
    (void)state;
    scene s = begin();
    job(&s, 2, NOT_KNOWN);
    job(&s, 2, NOT_KNOWN);
    job(&s, 1, NOT_KNOWN);
    decide(&s);
    assert_starts(&s, 1);
    assert_starts(&s, 2);
    assert_int_equal(s.results[1].devices, 1);
    assert_waits(&s, 3, OD_WAIT_SLOTS, 0);
}

static void memory_is_a_reason_of_its_own(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 1, NOT_KNOWN);
    job(&s, 1, NOT_KNOWN)->demand.memory_bytes = 16 * GIB;
    job(&s, 1, NOT_KNOWN)->demand.memory_bytes = 17 * GIB;
    decide(&s);
    assert_waits(&s, 2, OD_WAIT_MEMORY, 0);
    assert_waits(&s, 3, OD_WAIT_IMPOSSIBLE, 0);
}

static void a_wide_job_is_not_starved_by_those_behind_it(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 2, NOT_KNOWN);
    job(&s, 4, NOT_KNOWN);
    job(&s, 1, 1);
    decide(&s);
    assert_waits(&s, 2, OD_WAIT_SLOTS, 0);
    assert_waits(&s, 3, OD_WAIT_BEHIND, 2); // however short: when 2 starts is not known
}

static void a_job_that_can_never_fit_holds_up_nobody(void **state) {
    (void)state;
    scene s = begin();
    job(&s, 9, NOT_KNOWN);
    job(&s, 1, NOT_KNOWN);
    decide(&s);
    assert_waits(&s, 1, OD_WAIT_IMPOSSIBLE, 0);
    assert_starts(&s, 2);
}

static void waiting_for_a_gpu_holds_up_no_cpu_job(void **state) {
    (void)state;
    scene s = begin();
    od_schedule_job *first = on_gpu(&s, NOT_KNOWN);
    first->running = true;
    first->devices = 2;
    od_placement_take(&s.table, &first->demand, 2);
    on_gpu(&s, NOT_KNOWN);
    job(&s, 4, NOT_KNOWN);
    on_gpu(&s, NOT_KNOWN);
    decide(&s);
    assert_waits(&s, 2, OD_WAIT_MEMORY, 0);
    assert_starts(&s, 3);
    assert_waits(&s, 4, OD_WAIT_MEMORY, 0);
}

// --- what is no matter of room -------------------------------------------------------------

static void paused_waiting_and_backing_off_jobs_hold_up_nobody(void **state) {
    (void)state;
    const int64_t after[] = {1};
    scene s = begin();
    running(&s, 1, NOT_KNOWN);
    job(&s, 3, NOT_KNOWN)->paused = true;
    od_schedule_job *follower = job(&s, 3, NOT_KNOWN);
    follower->after = after;
    follower->after_count = 1;
    job(&s, 3, NOT_KNOWN)->backoff_s = 0.5;
    job(&s, 3, NOT_KNOWN);
    decide(&s);
    assert_waits(&s, 2, OD_WAIT_PAUSED, 0);
    assert_waits(&s, 3, OD_WAIT_DEPENDENCY, 1);
    assert_waits(&s, 4, OD_WAIT_BACKOFF, 0);
    assert_starts(&s, 5);
}

static void a_drained_server_starts_nothing(void **state) {
    (void)state;
    scene s = begin();
    job(&s, 1, NOT_KNOWN);
    s.rules.drained = true;
    decide(&s);
    assert_waits(&s, 1, OD_WAIT_DRAINED, 0);
    s.rules.drained = false;
    s.table.items[0].drained = true;
    on_gpu(&s, NOT_KNOWN);
    decide(&s);
    assert_waits(&s, 1, OD_WAIT_DRAINED, 0);
    assert_starts(&s, 2);
}

static void a_label_limit_counts_those_that_run(void **state) {
    (void)state;
    static const od_label_limit limits[] = {{"paper", "table2", 1}, {"user", "*", 2}};
    static const od_label ann[] = {{"user", "ann"}};
    static const od_label bob[] = {{"user", "bob"}};
    static const od_label table2[] = {{"user", "eve"}, {"paper", "table2"}};
    const struct {
        const od_label *labels;
        size_t count;
    } given[] = {{ann, 1}, {ann, 1}, {ann, 1}, {bob, 1}, {table2, 2}, {table2, 2}, {NULL, 0}};
    scene s = begin();
    s.table.items[0].slots_free = s.table.items[0].slots = 100;
    s.rules.limits = limits;
    s.rules.limit_count = 2;
    running(&s, 1, NOT_KNOWN);
    for (size_t i = 1; i < 7; i++) {
        job(&s, 1, NOT_KNOWN);
    }
    for (size_t i = 0; i < 7; i++) {
        s.jobs[i].labels = given[i].labels;
        s.jobs[i].label_count = given[i].count;
    }
    decide(&s);
    assert_starts(&s, 2);
    assert_waits(&s, 3, OD_WAIT_LABEL_LIMIT, 1);
    assert_starts(&s, 4);
    assert_starts(&s, 5);
    assert_waits(&s, 6, OD_WAIT_LABEL_LIMIT, 0);
    assert_starts(&s, 7);
}

// --- backfill ------------------------------------------------------------------------------

static void a_short_job_runs_while_the_head_waits(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 2, 100);
    job(&s, 4, NOT_KNOWN);
    job(&s, 1, 90);        // with the margin, longer than 100
    job(&s, 1, NOT_KNOWN); // who knows
    job(&s, 1, 80);
    job(&s, 1, 80);
    job(&s, 1, 80); // and now the slots are taken
    decide(&s);
    assert_waits(&s, 2, OD_WAIT_SLOTS, 0);
    assert_waits(&s, 3, OD_WAIT_BEHIND, 2);
    assert_waits(&s, 4, OD_WAIT_BEHIND, 2);
    assert_starts(&s, 5);
    assert_starts(&s, 6);
    assert_waits(&s, 7, OD_WAIT_SLOTS, 0);
    s.rules.backfill = false;
    decide(&s);
    assert_waits(&s, 5, OD_WAIT_BEHIND, 2);
}

static void a_backfill_delays_none_of_those_in_front(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 2, 10);
    running(&s, 1, 1000);
    job(&s, 4, 5); // at 1000
    job(&s, 3, 5); // could be at 10, but is behind 3
    job(&s, 1, 500);
    forecast(&s);
    assert_starts(&s, 5); // before 3 starts it has ended
    assert_times(&s, 3, 1000, 1005);
    assert_times(&s, 4, 1005, 1010);
}

static void a_backfill_is_held_up_by_claims_alone(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 2, 100);
    job(&s, 3, NOT_KNOWN)->paused = true; // claims nothing
    job(&s, 4, NOT_KNOWN);
    job(&s, 1, 10);
    decide(&s);
    assert_starts(&s, 4);
}

// --- preemption ----------------------------------------------------------------------------

static void assert_preempted(const scene *s, const char *ids) {
    char text[64] = "";
    for (size_t i = 0; i < s->count; i++) {
        if (s->results[i].preempt) {
            snprintf(text + strlen(text), sizeof text - strlen(text), "%d ", (int)s->jobs[i].id);
        }
    }
    assert_string_equal(text, ids);
}

// Priorities 5 (waits), then running ones of 2, 0, 0, 0.
static scene crowded(void) {
    scene s = begin();
    s.rules.preempt = true;
    job(&s, 1, NOT_KNOWN)->priority = 5;
    running(&s, 1, NOT_KNOWN)->priority = 2;
    running(&s, 1, NOT_KNOWN);
    running(&s, 1, NOT_KNOWN);
    running(&s, 1, NOT_KNOWN);
    return s;
}

static void the_lowest_and_youngest_makes_room(void **state) {
    (void)state;
    scene s = crowded();
    decide(&s);
    assert_waits(&s, 1, OD_WAIT_SLOTS, 0);
    assert_preempted(&s, "5 ");
    s.jobs[0].demand.slots = 3;
    decide(&s);
    assert_preempted(&s, "3 4 5 ");
    s.jobs[0].demand.slots = 4;
    decide(&s);
    assert_preempted(&s, "2 3 4 5 ");
}

static void preemption_is_an_option(void **state) {
    (void)state;
    scene s = crowded();
    s.rules.preempt = false;
    decide(&s);
    assert_preempted(&s, "");
}

static void equals_are_not_preempted(void **state) {
    (void)state;
    scene s = crowded();
    s.jobs[0].priority = 2;
    s.jobs[0].demand.slots = 4;
    decide(&s); // without job 2 there are 3 slots at most, and nobody stops for nothing
    assert_preempted(&s, "");
    s.jobs[0].demand.slots = 3;
    decide(&s);
    assert_preempted(&s, "3 4 5 ");
}

static void nobody_stops_when_it_would_not_help(void **state) {
    (void)state;
    scene s = crowded();
    s.jobs[0].demand.memory_bytes = 16 * GIB;
    s.jobs[0].priority = s.jobs[1].priority = 9;
    decide(&s); // job 2 keeps 1 GiB
    assert_preempted(&s, "");
}

static void those_that_were_not_needed_are_spared(void **state) {
    (void)state;
    scene s = begin();
    s.rules.preempt = true;
    job(&s, 3, NOT_KNOWN)->priority = 5;
    running(&s, 3, NOT_KNOWN);
    running(&s, 1, NOT_KNOWN);
    decide(&s); // the younger frees one slot only; with the older, it is not needed
    assert_preempted(&s, "2 ");
}

static void room_that_is_being_made_is_waited_for(void **state) {
    (void)state;
    scene s = crowded();
    s.jobs[4].stopping = true;
    decide(&s);
    assert_preempted(&s, "");
    s.jobs[0].demand.slots = 2;
    decide(&s);
    assert_preempted(&s, "4 ");
}

static void two_urgent_jobs_get_room_one_after_the_other(void **state) {
    (void)state;
    scene s = begin();
    s.rules.preempt = true;
    job(&s, 2, NOT_KNOWN)->priority = 6;
    job(&s, 1, NOT_KNOWN)->priority = 5;
    running(&s, 1, NOT_KNOWN);
    running(&s, 1, NOT_KNOWN);
    running(&s, 1, NOT_KNOWN);
    running(&s, 1, NOT_KNOWN);
    decide(&s);
    assert_preempted(&s, "4 5 6 ");
}

static void victims_are_on_the_devices_that_are_wanted(void **state) {
    (void)state;
    scene s = crowded();
    s.jobs[0].demand = (od_demand){"cuda", 1, 1, 8 * GIB};
    s.table.items[1].memory_free_bytes = 0; // held by somebody else
    decide(&s);
    assert_preempted(&s, "");
}

// --- the forecast --------------------------------------------------------------------------

static void starts_and_ends_follow_from_what_is_known(void **state) {
    (void)state;
    const int64_t after[] = {3};
    scene s = begin();
    running(&s, 2, 50);
    running(&s, 2, 100);
    job(&s, 2, 30);
    job(&s, 4, 10);
    od_schedule_job *follower = job(&s, 1, 1);
    follower->after = after;
    follower->after_count = 1;
    job(&s, 1, 5)->backoff_s = 200;
    forecast(&s);
    assert_times(&s, 1, NOT_KNOWN, 50);
    assert_times(&s, 2, NOT_KNOWN, 100);
    assert_times(&s, 3, 50, 80);
    assert_times(&s, 4, 100, 110);
    assert_times(&s, 5, 110, 111); // 4 claims the slots that are free at 80
    assert_times(&s, 6, 200, 205);
}

static void what_is_not_known_is_not_told(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 3, NOT_KNOWN);
    running(&s, 1, 10);
    job(&s, 1, NOT_KNOWN);
    job(&s, 4, 10);
    job(&s, 1, 10)->paused = true;
    forecast(&s);
    assert_times(&s, 1, NOT_KNOWN, NOT_KNOWN);
    assert_times(&s, 3, 10, NOT_KNOWN);
    assert_times(&s, 4, NOT_KNOWN, NOT_KNOWN);
    assert_times(&s, 5, NOT_KNOWN, NOT_KNOWN);
}

static void what_starts_now_is_part_of_it(void **state) {
    (void)state;
    scene s = begin();
    job(&s, 4, 20);
    job(&s, 4, NOT_KNOWN);
    forecast(&s);
    assert_times(&s, 1, 0, 20);
    assert_times(&s, 2, 20, NOT_KNOWN);
}

static void a_stopping_run_makes_room_soon(void **state) {
    (void)state;
    scene s = begin();
    running(&s, 4, 5000)->stopping = true;
    job(&s, 4, 20);
    forecast(&s);
    assert_times(&s, 1, NOT_KNOWN, NOT_KNOWN);
    assert_times(&s, 2, 10, 30);
}

static void a_limit_is_part_of_the_forecast(void **state) {
    (void)state;
    static const od_label_limit limits[] = {{"user", "*", 1}};
    static const od_label ann[] = {{"user", "ann"}};
    scene s = begin();
    s.rules.limits = limits;
    s.rules.limit_count = 1;
    running(&s, 1, 70)->labels = ann;
    job(&s, 1, 7)->labels = ann;
    s.jobs[0].label_count = s.jobs[1].label_count = 1;
    forecast(&s);
    assert_waits(&s, 2, OD_WAIT_LABEL_LIMIT, 0);
    assert_times(&s, 2, 70, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_priority_then_age_then_id),
        cmocka_unit_test(those_that_fit_start_in_order),
        cmocka_unit_test(memory_is_a_reason_of_its_own),
        cmocka_unit_test(a_wide_job_is_not_starved_by_those_behind_it),
        cmocka_unit_test(a_job_that_can_never_fit_holds_up_nobody),
        cmocka_unit_test(waiting_for_a_gpu_holds_up_no_cpu_job),
        cmocka_unit_test(paused_waiting_and_backing_off_jobs_hold_up_nobody),
        cmocka_unit_test(a_drained_server_starts_nothing),
        cmocka_unit_test(a_label_limit_counts_those_that_run),
        cmocka_unit_test(a_short_job_runs_while_the_head_waits),
        cmocka_unit_test(a_backfill_delays_none_of_those_in_front),
        cmocka_unit_test(a_backfill_is_held_up_by_claims_alone),
        cmocka_unit_test(the_lowest_and_youngest_makes_room),
        cmocka_unit_test(preemption_is_an_option),
        cmocka_unit_test(equals_are_not_preempted),
        cmocka_unit_test(nobody_stops_when_it_would_not_help),
        cmocka_unit_test(those_that_were_not_needed_are_spared),
        cmocka_unit_test(room_that_is_being_made_is_waited_for),
        cmocka_unit_test(two_urgent_jobs_get_room_one_after_the_other),
        cmocka_unit_test(victims_are_on_the_devices_that_are_wanted),
        cmocka_unit_test(starts_and_ends_follow_from_what_is_known),
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(what_starts_now_is_part_of_it),
        cmocka_unit_test(a_stopping_run_makes_room_soon),
        cmocka_unit_test(a_limit_is_part_of_the_forecast),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
