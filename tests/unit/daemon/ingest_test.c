// SPDX-License-Identifier: Apache-2.0
#include "daemon/queue/ingest.h"

#include "daemon/queue/states.h"
#include "daemon/store/points.h"
#include "tests/unit/daemon/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE(type, rest) "{\"v\":1,\"type\":\"" type "\",\"attempt\":1,\"at\":\"now\"," rest "}\n"
#define START                                                                \
    LINE("start", "\"step\":0,\"steps\":9,\"steps_per_epoch\":3,\"pid\":77," \
                  "\"boot_id\":\"b\"")
#define METRICS(step, value) \
    LINE("metrics", "\"step\":" #step ",\"epoch\":0,\"values\":{\"a\":" #value ",\"b\":1}")

static od_status make_job(sqlite3 *db, void *ctx, od_error *error) {
    int64_t *id = ctx;
    od_event_list events = {0};
    const od_job job = {.name = "",
                        .notes = "",
                        .labels = "{}",
                        .spec = "{}",
                        .plan = "{}",
                        .connection = "",
                        .model = ""};
    OD_TRY(od_jobs_insert(db, &job, id, error));
    const od_state_change start = {.job = *id, .to = OD_JOB_STARTING};
    od_status status = od_states_change(db, &start, &events, NULL, error);
    od_event_list_fini(&events);
    return status;
}

static int64_t new_job(world *w) {
    int64_t id = 0;
    assert_int_equal(world_write(w, make_job, &id), OD_OK);
    return id;
}

static od_ingest offer(world *w, int64_t job, int64_t offset, const char *text) {
    od_ingest ingest = {.job = job, .bytes = text, .size = strlen(text), .offset = offset};
    assert_int_equal(world_write(w, od_ingest_work, &ingest), OD_OK);
    return ingest;
}

static void a_start_line_makes_the_job_running(void **state) {
    world *w = *state;
    int64_t id = new_job(w);
    od_ingest in = offer(w, id, 0, START);
    od_job job = world_job(w, id);
    assert_int_equal(in.pid, 77);
    assert_true(in.running);
    assert_int_equal(in.events.count, 1);
    assert_int_equal(job.state, OD_JOB_RUNNING);
    assert_int_equal(job.steps, 9);
    assert_int_equal(job.tail_offset, strlen(START));
    world_assert_query(w, "SELECT from_step FROM attempts", "0");
    od_job_fini(&job);
    od_ingest_fini(&in);
}

static od_status cancel(sqlite3 *db, void *ctx, od_error *error) {
    od_event_list events = {0};
    const od_state_change change = {.job = *(int64_t *)ctx, .to = OD_JOB_CANCELLING};
    od_status status = od_states_change(db, &change, &events, NULL, error);
    od_event_list_fini(&events);
    return status;
}

static void a_start_line_of_a_job_that_is_being_cancelled_changes_no_state(void **state) {
    world *w = *state;
    int64_t id = new_job(w);
    assert_int_equal(world_write(w, cancel, &id), OD_OK);
    od_ingest in = offer(w, id, 0, START);
    od_job job = world_job(w, id);
    assert_false(in.running);
    assert_int_equal(in.pid, 77); // so that it can be told to stop
    assert_int_equal(job.state, OD_JOB_CANCELLING);
    od_job_fini(&job);
    od_ingest_fini(&in);
}

static void lines_become_points_progress_and_events(void **state) {
    world *w = *state;
    int64_t id = new_job(w);
    od_ingest in = offer(w, id, 0,
                         START METRICS(1, 0.5) METRICS(2, "NaN")
                             LINE("progress", "\"step\":2,\"steps\":9,\"epoch\":1,\"eta_s\":3.5,"
                                              "\"samples_per_sec\":100")
                                 LINE("log", "\"level\":\"warning\",\"message\":\"hot\"")
                                     LINE("checkpoint", "\"step\":2,\"name\":\"step-2\""));
    od_job job = world_job(w, id);
    assert_int_equal(in.skipped, 0);
    assert_int_equal(in.events.count, 5);
    assert_string_equal(in.events.items[1].kind, "metrics");
    assert_string_equal(in.events.items[2].data,
                        "{\"job\":1,\"step\":2,\"epoch\":0,\"attempt\":1,"
                        "\"values\":{\"a\":\"NaN\",\"b\":1},\"at\":\"now\"}");
    assert_string_equal(in.events.items[3].data,
                        "{\"job\":1,\"step\":2,\"steps\":9,\"epoch\":1,\"eta_s\":3.5,"
                        "\"samples_per_sec\":100,\"at\":\"now\"}");
    assert_string_equal(in.events.items[4].data,
                        "{\"job\":1,\"level\":\"warning\",\"message\":\"hot\",\"at\":\"now\"}");
    assert_true(job.step == 2 && job.epoch == 1 && job.eta_s > 3 && job.samples_per_sec > 99);
    world_assert_query(w, "SELECT step FROM points JOIN series s ON s.id = series WHERE name = 'a'",
                       "1 2");
    world_assert_query(w,
                       "SELECT value IS NULL FROM points JOIN series s ON s.id = series"
                       " WHERE name = 'a'",
                       "0 1");
    od_job_fini(&job);
    od_ingest_fini(&in);
}

static void bytes_that_are_offered_again_have_no_effect(void **state) {
    static const char text[] = START METRICS(1, 1) METRICS(2, 2);
    world *w = *state;
    int64_t id = new_job(w);
    od_ingest first = offer(w, id, 0, text);
    od_ingest again = offer(w, id, 0, text);
    od_ingest longer = offer(w, id, 0, START METRICS(1, 1) METRICS(2, 2) METRICS(3, 3));
    assert_int_equal(first.events.count, 3);
    assert_int_equal(again.events.count, 0);
    assert_int_equal(longer.events.count, 1);
    od_ingest shorter = offer(w, id, 0, START);
    od_job job = world_job(w, id);
    assert_int_equal(shorter.events.count, 0);
    assert_int_equal(job.tail_offset, longer.size); // never goes back
    od_job_fini(&job);
    od_ingest_fini(&shorter);
    world_assert_query(w, "SELECT step FROM points WHERE series = 1", "1 2 3");
    world_assert_query(w, "SELECT count FROM series WHERE id = 1", "3");
    od_ingest_fini(&first);
    od_ingest_fini(&again);
    od_ingest_fini(&longer);
}

static void a_gap_is_refused(void **state) {
    world *w = *state;
    int64_t id = new_job(w);
    od_ingest in = {.job = id, .bytes = START, .size = strlen(START), .offset = 10};
    assert_int_equal(world_write(w, od_ingest_work, &in), OD_E_INTERNAL);
    world_assert_query(w, "SELECT tail_offset FROM jobs", "0");
    od_ingest_fini(&in);
}

// Each of these is skipped, and the good line behind it is not.
static void bad_lines_are_skipped_and_counted(void **state) {
    static const char *const bad[] = {
        "x\n",
        "[]\n",
        "\"v\"\n",
        "{}\n",
        "{\"v\":1,\"type\":\"metrics\"}\n",
        "{\"v\":2,\"type\":\"log\",\"attempt\":1,\"level\":\"info\",\"message\":\"m\"}\n",
        "{\"v\":1,\"type\":\"log\",\"attempt\":0,\"level\":\"info\",\"message\":\"m\"}\n",
        "{\"v\":1,\"type\":\"log\",\"attempt\":2,\"level\":\"info\",\"message\":\"m\"}\n",
        "{\"v\":1,\"v\":1,\"type\":\"log\",\"attempt\":1,\"level\":\"info\",\"message\":\"m\"}\n",
        LINE("metrics", "\"step\":-1,\"values\":{\"a\":1}"),
        LINE("metrics", "\"step\":0.5,\"values\":{\"a\":1}"),
        LINE("metrics", "\"step\":1e300,\"values\":{\"a\":1}"),
        LINE("metrics", "\"step\":\"1\",\"values\":{\"a\":1}"),
        LINE("metrics", "\"step\":1,\"values\":[1]"),
        LINE("metrics", "\"step\":1,\"values\":{\"a\":1,\"b\":\"many\"}"),
        LINE("metrics", "\"step\":1,\"values\":{\"a\":null}"),
        LINE("progress", "\"step\":1"),
        LINE("log", "\"level\":\"info\""),
        LINE("start", "\"step\":0,\"steps\":9"),
        LINE("end", "\"outcome\":3"),
        "\xff\xfe{}\n",
    };
    world *w = *state;
    int64_t id = new_job(w);
    int64_t offset = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s\n%s", bad[i],
                 LINE("log", "\"level\":\"info\",\"message\":\"good\""));
        od_ingest in = offer(w, id, offset, text);
        offset += (int64_t)strlen(text);
        assert_int_equal(in.skipped, 1);
        assert_int_equal(in.events.count, 1);
        od_ingest_fini(&in);
    }
    world_assert_query(w, "SELECT count(*) FROM points", "0");
    world_assert_query(w, "SELECT count(*) FROM series", "0");
}

static void unknown_types_are_not_faults(void **state) {
    world *w = *state;
    od_ingest in = offer(w, new_job(w), 0, LINE("moon", "\"phase\":1"));
    assert_int_equal(in.skipped, 0);
    assert_int_equal(in.events.count, 0);
    od_ingest_fini(&in);
}

static void the_end_is_remembered_for_whoever_decides(void **state) {
    world *w = *state;
    int64_t id = new_job(w);
    od_ingest in = offer(w, id, 0,
                         START LINE("end", "\"step\":0,\"outcome\":\"failed\","
                                           "\"reason\":\"no data\""));
    world_assert_query(w, "SELECT outcome = 'failed' AND reason = 'no data' FROM attempts", "1");
    od_job job = world_job(w, id);
    assert_int_equal(job.state, OD_JOB_RUNNING); // the worker may still live
    od_job_fini(&job);
    od_ingest_fini(&in);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_start_line_makes_the_job_running),
        TEST(a_start_line_of_a_job_that_is_being_cancelled_changes_no_state),
        TEST(lines_become_points_progress_and_events),
        TEST(bytes_that_are_offered_again_have_no_effect),
        TEST(a_gap_is_refused),
        TEST(bad_lines_are_skipped_and_counted),
        TEST(unknown_types_are_not_faults),
        TEST(the_end_is_remembered_for_whoever_decides),
    };
    return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
