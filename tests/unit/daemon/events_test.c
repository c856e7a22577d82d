// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/events.h"

#include "tests/unit/daemon/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct journal {
    od_event_list appended, all, ofone, some;
    int64_t newest, gone;
    int64_t newest_after_prune, gone_after_prune;
    int64_t keep; // -1: do not prune
} journal;

static od_status append(sqlite3 *db, journal *j, int64_t job, const char *kind, bool final,
                        od_error *error) {
    return od_events_append(db, &j->appended, job, kind, strdup("{\"a\":1}"), final, error);
}

static od_status fill(sqlite3 *db, void *ctx, od_error *error) {
    journal *j = ctx;
    OD_TRY(append(db, j, 1, "state", false, error));
    OD_TRY(append(db, j, 2, "metrics", false, error));
    OD_TRY(append(db, j, 1, "progress", false, error));
    OD_TRY(append(db, j, 2, "log", false, error));
    OD_TRY(append(db, j, 1, "state", true, error));
    OD_TRY(od_events_after(db, 0, 0, 100, &j->all, error));
    OD_TRY(od_events_after(db, 1, 1, 100, &j->ofone, error));
    OD_TRY(od_events_after(db, 0, 1, 2, &j->some, error));
    OD_TRY(od_events_bounds(db, &j->newest, &j->gone, error));
    if (j->keep >= 0) {
        OD_TRY(od_events_prune(db, j->keep, error));
    }
    return od_events_bounds(db, &j->newest_after_prune, &j->gone_after_prune, error);
}

static void free_journal(journal *j) {
    od_event_list_fini(&j->appended);
    od_event_list_fini(&j->all);
    od_event_list_fini(&j->ofone);
    od_event_list_fini(&j->some);
}

static void events_are_counted_up_and_read_back(void **state) {
    journal j = {.keep = -1};
    assert_int_equal(world_write(*state, fill, &j), OD_OK);
    assert_int_equal(j.appended.count, 5);
    assert_int_equal(j.all.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(j.all.items[i].id, i + 1);
        assert_int_equal(j.appended.items[i].id, i + 1);
        assert_string_equal(j.all.items[i].kind, j.appended.items[i].kind);
        assert_string_equal(j.all.items[i].data, "{\"a\":1}");
        assert_int_equal(j.all.items[i].final, i == 4);
    }
    assert_int_equal(j.newest, 5);
    assert_int_equal(j.gone, 0);
    free_journal(&j);
}

static void one_jobs_events_can_be_read_alone(void **state) {
    journal j = {.keep = -1};
    assert_int_equal(world_write(*state, fill, &j), OD_OK);
    assert_int_equal(j.ofone.count, 2);
    assert_int_equal(j.ofone.items[0].id, 3);
    assert_int_equal(j.ofone.items[1].id, 5);
    assert_int_equal(j.some.count, 2); // the limit
    assert_int_equal(j.some.items[0].id, 2);
    free_journal(&j);
}

static void the_oldest_are_pruned_and_said_to_be_gone(void **state) {
    journal j = {.keep = 2};
    assert_int_equal(world_write(*state, fill, &j), OD_OK);
    char *left = world_query(*state, "SELECT id FROM events ORDER BY id");
    assert_string_equal(left, "4 5");
    free(left);
    assert_int_equal(j.newest_after_prune, 5);
    assert_int_equal(j.gone_after_prune, 3);
    free_journal(&j);
}

static void numbers_are_not_reused_when_all_are_gone(void **state) {
    journal j = {.keep = 0};
    journal again = {.keep = -1};
    assert_int_equal(world_write(*state, fill, &j), OD_OK);
    assert_int_equal(j.newest_after_prune, 5);
    assert_int_equal(j.gone_after_prune, 5);
    assert_int_equal(world_write(*state, fill, &again), OD_OK);
    assert_int_equal(again.appended.items[0].id, 6);
    free_journal(&j);
    free_journal(&again);
}

static od_status append_many(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    od_event_list list = {0};
    od_status status = OD_OK;
    for (int i = 0; i < OD_EVENTS_KEPT + 2500 && status == OD_OK; i++) {
        status = od_events_append(db, &list, 1, "log", strdup("{}"), false, error);
        if (list.count == 1000) {
            od_event_list_fini(&list);
        }
    }
    od_event_list_fini(&list);
    return status;
}

static void appending_keeps_the_journal_bounded(void **state) {
    assert_int_equal(world_write(*state, append_many, NULL), OD_OK);
    int count = world_query_int(*state, "SELECT count(*) FROM events");
    assert_in_range(count, OD_EVENTS_KEPT, OD_EVENTS_KEPT + 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(events_are_counted_up_and_read_back),
        TEST(one_jobs_events_can_be_read_alone),
        TEST(the_oldest_are_pruned_and_said_to_be_gone),
        TEST(numbers_are_not_reused_when_all_are_gone),
        TEST(appending_keeps_the_journal_bounded),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
