// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/curve.h"
#include "daemon/store/points.h"

#include "daemon/store/jobs.h"
#include "tests/unit/daemon/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A work function that fails stops the test; asserts are not possible on the writer's thread, so
// results are handed out and compared on the test's own.
typedef struct script {
    void (*run)(struct script *s);
    sqlite3 *db;
    int64_t job;
    od_series_list series;
    od_curve curve;
    od_status status;
    od_error error;
} script;

static void attempt(script *s, int64_t number, int64_t from_step) {
    if (s->status == OD_OK) {
        s->status = od_jobs_attempt_insert(s->db, s->job, number, 1, "cpu", &s->error);
    }
    if (s->status == OD_OK) {
        s->status = od_jobs_attempt_started(s->db, s->job, number, from_step, 1, "boot", &s->error);
    }
    if (s->status == OD_OK) {
        s->status = od_points_recount(s->db, s->job, &s->error);
    }
}

static void add(script *s, int64_t number, int64_t step, double value) {
    if (s->status == OD_OK) {
        s->status = od_points_add(s->db, s->job, number, "train/loss", step, value, &s->error);
    }
}

static od_status run_script(sqlite3 *db, void *ctx, od_error *error) {
    script *s = ctx;
    const od_job job = {.name = "",
                        .notes = "",
                        .labels = "{}",
                        .spec = "{}",
                        .plan = "{}",
                        .connection = "",
                        .model = ""};
    s->db = db;
    OD_TRY(od_jobs_insert(db, &job, &s->job, error));
    s->run(s);
    *error = s->error;
    OD_TRY(s->status);
    OD_TRY(od_points_series(db, s->job, &s->series, error));
    if (s->curve.count == -1 && s->series.count > 0) { // the whole curve is wanted
        OD_TRY(od_curve_read(db, s->series.items[0].id, 0, INT64_MAX, 0, &s->curve, error));
    }
    return OD_OK;
}

static void play(void **state, script *s) {
    s->curve.count = -1;
    assert_int_equal(world_write(*state, run_script, s), OD_OK);
}

static void fini(script *s) {
    od_series_list_fini(&s->series);
    od_curve_fini(&s->curve);
}

static void assert_curve(const od_curve *curve, const char *expected) {
    char text[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < curve->size; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d:%g", i > 0 ? " " : "",
                                 (int)curve->steps[i], curve->values[i]);
    }
    assert_string_equal(text, expected);
}

static void add_some(script *s) {
    attempt(s, 1, 0);
    add(s, 1, 1, 5);
    add(s, 1, 2, 2);
    add(s, 1, 3, 9);
    add(s, 1, 4, 4);
    add(s, 1, 4, 1000); // offered again with another value: the first one stays
}

static void a_series_knows_its_last_least_and_greatest(void **state) {
    script s = {.run = add_some};
    play(state, &s);
    const od_series *series = &s.series.items[0];
    assert_int_equal(s.series.count, 1);
    assert_string_equal(series->name, "train/loss");
    assert_true(series->last == 4 && series->last_step == 4);
    assert_true(series->min == 2 && series->min_step == 2);
    assert_true(series->max == 9 && series->max_step == 3);
    assert_int_equal(series->count, 4);
    assert_curve(&s.curve, "1:5 2:2 3:9 4:4");
    fini(&s);
}

static void add_odd_numbers(script *s) {
    attempt(s, 1, 0);
    add(s, 1, 1, (double)NAN);
    add(s, 1, 2, 3);
    add(s, 1, 3, (double)INFINITY);
    add(s, 1, 4, -(double)INFINITY);
    add(s, 1, 5, (double)NAN);
}

static void numbers_that_are_none_are_kept_and_not_compared(void **state) {
    script s = {.run = add_odd_numbers};
    play(state, &s);
    const od_series *series = &s.series.items[0];
    assert_true(isnan(series->last) && series->last_step == 5);
    assert_true(isinf(series->min) && series->min < 0 && series->min_step == 4);
    assert_true(isinf(series->max) && series->max > 0 && series->max_step == 3);
    assert_int_equal(series->count, 5);
    assert_curve(&s.curve, "1:nan 2:3 3:inf 4:-inf 5:nan");
    fini(&s);
}

static void add_only_nan(script *s) {
    attempt(s, 1, 0);
    add(s, 1, 7, (double)NAN);
}

static void a_series_of_nan_has_no_least(void **state) {
    script s = {.run = add_only_nan};
    play(state, &s);
    assert_true(isnan(s.series.items[0].min) && s.series.items[0].min_step == 0);
    assert_true(isnan(s.series.items[0].max) && s.series.items[0].max_step == 0);
    fini(&s);
}

static void resume(script *s) {
    add_some(s);
    attempt(s, 2, 2); // 3 and 4 of attempt 1 are superseded
    add(s, 2, 3, 1);
    add(s, 2, 4, 8);
    add(s, 2, 5, 3);
}

static void a_resumed_attempt_supersedes_what_lies_beyond_its_start(void **state) {
    script s = {.run = resume};
    play(state, &s);
    const od_series *series = &s.series.items[0];
    assert_curve(&s.curve, "1:5 2:2 3:1 4:8 5:3");
    assert_true(series->min == 1 && series->min_step == 3);
    assert_true(series->max == 8 && series->max_step == 4);
    assert_true(series->last == 3 && series->last_step == 5);
    assert_int_equal(series->count, 5);
    fini(&s);
}

static void start_over(script *s) {
    resume(s);
    attempt(s, 3, 1); // before the second one's start
    add(s, 3, 2, 7);
}

static void a_later_attempt_may_start_before_an_earlier_one(void **state) {
    script s = {.run = start_over};
    play(state, &s);
    assert_curve(&s.curve, "1:5 2:7");
    assert_int_equal(s.series.items[0].count, 2);
    assert_true(s.series.items[0].max == 7 && s.series.items[0].max_step == 2);
    fini(&s);
}

static void supersede_everything(script *s) {
    add_some(s);
    attempt(s, 2, 0);
}

static void a_restart_from_nothing_leaves_no_series(void **state) {
    script s = {.run = supersede_everything};
    play(state, &s);
    assert_int_equal(s.series.count, 0);
    fini(&s);
}

// --- downsampling --------------------------------------------------------------------------

enum { LONG = 10000 };

static void add_many(script *s) {
    attempt(s, 1, 0);
    for (int step = 1; step <= LONG; step++) {
        add(s, 1, step, step == 4321 ? -50 : step == 4400 ? 50 : (step % 7) * 0.5);
    }
    if (s->status == OD_OK) {
        od_series_list series;
        s->status = od_points_series(s->db, s->job, &series, &s->error);
        if (s->status == OD_OK) {
            s->status = od_curve_read(s->db, series.items[0].id, 101, LONG - 100, 300, &s->curve,
                                      &s->error);
            od_series_list_fini(&series);
        }
    }
}

static bool has(const od_curve *curve, int64_t step, double value) {
    for (size_t i = 0; i < curve->size; i++) {
        if (curve->steps[i] == step && curve->values[i] <= value && curve->values[i] >= value) {
            return true;
        }
    }
    return false;
}

static void downsampling_keeps_extremes_and_the_last_point(void **state) {
    script s = {.run = add_many};
    assert_int_equal(world_write(*state, run_script, &s), OD_OK);
    assert_int_equal(s.curve.count, LONG - 200);
    assert_in_range(s.curve.size, 200, 300);
    assert_true(has(&s.curve, 4321, -50));
    assert_true(has(&s.curve, 4400, 50));
    assert_true(has(&s.curve, LONG - 100, ((LONG - 100) % 7) * 0.5));
    assert_true(s.curve.steps[0] >= 101);
    for (size_t i = 1; i < s.curve.size; i++) {
        assert_true(s.curve.steps[i] > s.curve.steps[i - 1]);
    }
    fini(&s);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_series_knows_its_last_least_and_greatest),
        TEST(numbers_that_are_none_are_kept_and_not_compared),
        TEST(a_series_of_nan_has_no_least),
        TEST(a_resumed_attempt_supersedes_what_lies_beyond_its_start),
        TEST(a_later_attempt_may_start_before_an_earlier_one),
        TEST(a_restart_from_nothing_leaves_no_series),
        TEST(downsampling_keeps_extremes_and_the_last_point),
    };
    return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
