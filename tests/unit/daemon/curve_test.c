// SPDX-License-Identifier: Apache-2.0
// Curves that are long enough for roll-ups, against their own points read one by one.
#include "daemon/store/curve.h"

#include "daemon/store/jobs.h"
#include "daemon/store/points.h"
#include "daemon/store/sql.h"
#include "tests/unit/daemon/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LONG = 5000, SHORT = 30, BUCKETS = SHORT / 3 };

// A work function may not assert: it runs on the writer's thread.
typedef struct script {
    od_status (*run)(struct script *s, sqlite3 *db, od_error *error);
    int64_t job, series;
} script;

static od_status attempt(script *s, sqlite3 *db, int64_t number, int64_t from_step,
                         od_error *error) {
    OD_TRY(od_jobs_attempt_insert(db, s->job, number, 1, "cpu", error));
    OD_TRY(od_jobs_attempt_started(db, s->job, number, from_step, 1, "boot", error));
    return od_points_recount(db, s->job, error);
}

// Values of all kinds; the extremes come up more than once.
static double value_at(int64_t step) {
    uint64_t mixed = (uint64_t)step * UINT64_C(0x9e3779b97f4a7c15);
    int64_t kind = (int64_t)(mixed >> 55);
    return kind < 40 ? (double)NAN : (double)(kind % 97) - 48;
}

static od_status add(script *s, sqlite3 *db, int64_t number, int64_t from, int64_t to,
                     od_error *error) {
    for (int64_t step = from; step <= to; step++) {
        OD_TRY(
            od_points_add(db, s->job, number, "train/loss", step, value_at(step + number), error));
    }
    return OD_OK;
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
    OD_TRY(od_jobs_insert(db, &job, &s->job, error));
    OD_TRY(s->run(s, db, error));
    return od_sql_int(db, "SELECT id FROM series WHERE job = ?1", OD_SQL(od_sql_i(s->job)),
                      &s->series, error);
}

typedef struct look {
    int64_t series, from, to;
    size_t max_points;
    od_curve curve;
    od_span summary;
} look;

static od_status read_look(sqlite3 *db, void *ctx, od_error *error) {
    look *l = ctx;
    OD_TRY(od_curve_summarize(db, l->series, &l->summary, error));
    return od_curve_read(db, l->series, l->from, l->to, l->max_points, &l->curve, error);
}

static look look_at(world *w, const script *s, int64_t from, int64_t to, size_t max_points) {
    look l = {.series = s->series, .from = from, .to = to, .max_points = max_points};
    assert_int_equal(world_read(w, read_look, &l), OD_OK);
    return l;
}

static void assert_same_point(const od_curve *all, size_t at, const od_point *point) {
    assert_int_equal(point->step, all->steps[at]);
    assert_true(!(point->value < all->values[at]) && !(point->value > all->values[at]));
}

// The indices of the first least and the first greatest number among all's points [from, to).
static void find_extremes(const od_curve *all, size_t from, size_t to, size_t *low, size_t *high) {
    *low = *high = SIZE_MAX;
    for (size_t i = from; i < to; i++) {
        if (isnan(all->values[i])) {
            continue;
        }
        *low = *low == SIZE_MAX || all->values[i] < all->values[*low] ? i : *low;
        *high = *high == SIZE_MAX || all->values[i] > all->values[*high] ? i : *high;
    }
}

static size_t index_of(const od_curve *all, int64_t step) {
    for (size_t i = 0; i < all->size; i++) {
        if (all->steps[i] == step) {
            return i;
        }
    }
    fail_msg("step %d is none of the curve's", (int)step);
    return 0;
}

// Of each stretch between two kept points nothing is lower or higher than what is kept around it
// in the same bucket; so it is enough that no stretch is longer than a bucket, that all kept points
// are points of the curve, and that the extremes of the whole are among them.
static void assert_is_sample_of(const od_curve *sample, const od_curve *all) {
    size_t low, high;
    size_t longest = all->size / BUCKETS + 2 * OD_BLOCK_POINTS;
    bool has_low = false, has_high = false;
    find_extremes(all, 0, all->size, &low, &high);
    assert_int_equal(sample->count, (int64_t)all->size);
    assert_in_range(sample->size, BUCKETS, SHORT);
    assert_int_equal(sample->steps[sample->size - 1], all->steps[all->size - 1]);
    for (size_t i = 0, before = 0; i < sample->size; i++) {
        size_t at = index_of(all, sample->steps[i]);
        const od_point point = {sample->steps[i], sample->values[i]};
        assert_same_point(all, at, &point);
        assert_true(i == 0 || at > before);
        assert_true(at - before <= longest);
        has_low = has_low || at == low;
        has_high = has_high || at == high;
        before = at;
    }
    assert_true(has_low && has_high);
}

static void assert_rolled_up_well(world *w, const script *s) {
    look whole = look_at(w, s, 0, INT64_MAX, 0);
    size_t low, high;
    find_extremes(&whole.curve, 0, whole.curve.size, &low, &high);
    assert_int_equal(whole.summary.count, (int64_t)whole.curve.size);
    assert_same_point(&whole.curve, low, &whole.summary.low);
    assert_same_point(&whole.curve, high, &whole.summary.high);
    assert_same_point(&whole.curve, whole.curve.size - 1, &whole.summary.last);
    // 130: the first block behind it begins right before it.
    static const int64_t froms[] = {0, 1, 130, 347, 1500, 1777, 1778, 2222};
    for (size_t i = 0; i < sizeof froms / sizeof froms[0]; i++) {
        int64_t from = froms[i];
        for (int64_t to = LONG - 401; to < LONG + 300; to += 97) {
            look all = look_at(w, s, from, to, 0);
            look few = look_at(w, s, from, to, SHORT);
            assert_is_sample_of(&few.curve, &all.curve);
            od_curve_fini(&all.curve);
            od_curve_fini(&few.curve);
        }
    }
    od_curve_fini(&whole.curve);
}

static void play(world *w, script *s) {
    assert_int_equal(world_write(w, run_script, s), OD_OK);
}

static od_status add_long(script *s, sqlite3 *db, od_error *error) {
    OD_TRY(attempt(s, db, 1, 0, error));
    return add(s, db, 1, 1, LONG, error);
}

static void a_long_curve_is_rolled_up(void **state) {
    script s = {.run = add_long};
    play(*state, &s);
    assert_int_equal(world_query_int(*state, "SELECT count(*) FROM blocks"),
                     LONG / OD_BLOCK_POINTS);
    assert_int_equal(world_query_int(*state, "SELECT loose FROM series"), LONG % OD_BLOCK_POINTS);
    assert_rolled_up_well(*state, &s);
}

static od_status add_and_hollow_out(script *s, sqlite3 *db, od_error *error) {
    OD_TRY(add_long(s, db, error));
    return od_sql_run(db, "DELETE FROM points WHERE step < ?1",
                      OD_SQL(od_sql_i(LONG - OD_BLOCK_POINTS)), error);
}

// What lies in blocks is not read point by point.
static void a_short_form_does_not_read_the_points(void **state) {
    script whole = {.run = add_long};
    script hollow = {.run = add_and_hollow_out};
    play(*state, &whole);
    look expected = look_at(*state, &whole, 0, INT64_MAX, SHORT);
    play(*state, &hollow);
    look l = look_at(*state, &hollow, 0, INT64_MAX, SHORT);
    assert_int_equal(l.curve.count, LONG);
    assert_int_equal(l.curve.size, expected.curve.size);
    assert_memory_equal(l.curve.steps, expected.curve.steps, l.curve.size * sizeof(int64_t));
    od_curve_fini(&expected.curve);
    od_curve_fini(&l.curve);
}

static od_status add_three_attempts(script *s, sqlite3 *db, od_error *error) {
    OD_TRY(attempt(s, db, 1, 0, error));
    OD_TRY(add(s, db, 1, 1, 2000, error));
    OD_TRY(attempt(s, db, 2, 1777, error)); // in the middle of a block
    OD_TRY(add(s, db, 2, 1778, 4000, error));
    OD_TRY(attempt(s, db, 3, 1500, error)); // takes all of the second one away
    return add(s, db, 3, 1501, LONG, error);
}

static void superseded_points_are_in_no_roll_up(void **state) {
    script s = {.run = add_three_attempts};
    play(*state, &s);
    assert_rolled_up_well(*state, &s);
    look l = look_at(*state, &s, 0, INT64_MAX, SHORT);
    assert_int_equal(l.curve.count, LONG);
    od_curve_fini(&l.curve);
}

static od_status add_out_of_order(script *s, sqlite3 *db, od_error *error) {
    OD_TRY(attempt(s, db, 1, 0, error));
    OD_TRY(add(s, db, 1, 1, 1000, error));
    OD_TRY(add(s, db, 1, 1500, LONG, error));
    OD_TRY(add(s, db, 1, 1001, 1499, error));
    return add(s, db, 1, LONG + 1, LONG + 300, error);
}

static void points_that_come_late_find_their_block(void **state) {
    script s = {.run = add_out_of_order};
    play(*state, &s);
    assert_rolled_up_well(*state, &s);
    look l = look_at(*state, &s, 0, INT64_MAX, SHORT);
    assert_int_equal(l.curve.count, LONG + 300);
    od_curve_fini(&l.curve);
}

static od_status add_around_an_upgrade(script *s, sqlite3 *db, od_error *error) {
    OD_TRY(attempt(s, db, 1, 0, error));
    OD_TRY(add(s, db, 1, 1, 3000, error));
    OD_TRY(od_sql_run(db, "DELETE FROM blocks", OD_SQL_NONE, error)); // what an older version left
    OD_TRY(od_sql_run(db, "UPDATE series SET loose = 0", OD_SQL_NONE, error));
    return add(s, db, 1, 3001, LONG, error);
}

static void a_series_of_an_older_version_is_rolled_up_when_it_goes_on(void **state) {
    script s = {.run = add_around_an_upgrade};
    play(*state, &s);
    assert_int_equal(world_query_int(*state, "SELECT count(*) FROM blocks"),
                     LONG / OD_BLOCK_POINTS);
    assert_rolled_up_well(*state, &s);
}

static od_status add_nothing_but_nan(script *s, sqlite3 *db, od_error *error) {
    OD_TRY(attempt(s, db, 1, 0, error));
    for (int64_t step = 1; step <= LONG; step++) {
        OD_TRY(od_points_add(db, s->job, 1, "train/loss", step, (double)NAN, error));
    }
    return OD_OK;
}

static void blocks_of_nan_have_a_last_point_only(void **state) {
    script s = {.run = add_nothing_but_nan};
    play(*state, &s);
    look l = look_at(*state, &s, 0, INT64_MAX, SHORT);
    assert_int_equal(l.curve.size, BUCKETS);
    assert_int_equal(l.curve.steps[BUCKETS - 1], LONG);
    assert_true(isnan(l.curve.values[0]) && isnan(l.summary.low.value));
    od_curve_fini(&l.curve);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_long_curve_is_rolled_up),
        TEST(a_short_form_does_not_read_the_points),
        TEST(superseded_points_are_in_no_roll_up),
        TEST(points_that_come_late_find_their_block),
        TEST(a_series_of_an_older_version_is_rolled_up_when_it_goes_on),
        TEST(blocks_of_nan_have_a_last_point_only),
    };
    return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
