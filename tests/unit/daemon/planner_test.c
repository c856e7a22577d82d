// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/planner.h"

#include "tests/unit/daemon/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct call {
    bool done;
    od_status status;
    od_error error;
    cJSON *answers;
} call;

static void on_done(void *ctx, od_status status, const od_error *error, const cJSON *answers) {
    call *c = ctx;
    assert_false(c->done);
    c->done = true;
    c->status = status;
    c->error = *error;
    c->answers = cJSON_Duplicate(answers, true);
}

static od_planner *new_planner(world *w, const char *program, uint64_t timeout_ms) {
    od_planner *planner;
    const od_planner_config config = {
        .loop = &w->loop,
        .worker = program,
        .default_threads = 1,
        .timeout_ms = timeout_ms,
    };
    assert_int_equal(od_planner_new(&config, &planner, NULL), OD_OK);
    return planner;
}

static void ask(od_planner *planner, call *c, const char *specs) {
    cJSON *array = cJSON_Parse(specs);
    od_planner_plan(planner, array, on_done, c);
    assert_false(c->done); // never inside the call
    cJSON_Delete(array);
}

static void wait_for(world *w, call *c) {
    alarm(60);
    while (!c->done) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    alarm(0);
}

static call plan(void **state, const char *program, uint64_t timeout_ms, const char *specs) {
    call c = {0};
    od_planner *planner = new_planner(*state, program, timeout_ms);
    ask(planner, &c, specs);
    wait_for(*state, &c);
    od_planner_close(planner);
    return c;
}

static void every_spec_is_answered(void **state) {
    call c = plan(state, world_fake_worker(), 60000,
                  "[{\"name\": \"ok\"}, {\"name\": \"bad\"}, {\"name\": \"ok\"}]");
    assert_int_equal(c.status, OD_OK);
    assert_int_equal(cJSON_GetArraySize(c.answers), 3);
    const cJSON *bad = cJSON_GetArrayItem(c.answers, 1);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(bad, "ok")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(c.answers, 2), "ok")));
    cJSON_Delete(c.answers);
}

static void assert_fault(call *c, const char *text) {
    assert_int_equal(c->status, OD_E_INTERNAL);
    assert_null(c->answers);
    if (strstr(c->error.text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, c->error.text);
    }
}

static void what_goes_wrong_is_told(void **state) {
    call mute = plan(state, world_fake_worker(), 60000, "[{\"name\": \"mute\"}]");
    assert_fault(&mute, "status 7, signal 0): nothing to say");
    call garbage = plan(state, world_fake_worker(), 60000, "[{\"name\": \"garbage\"}]");
    assert_fault(&garbage, "the planner's answer");
    call few = plan(state, world_fake_worker(), 60000, "[{\"name\": \"short\"}]");
    assert_fault(&few, "did not answer every spec");
    call missing = plan(state, "/nonexistent/worker", 60000, "[{\"name\": \"ok\"}]");
    assert_fault(&missing, "/nonexistent/worker: cannot start");
}

static void a_planner_that_hangs_is_stopped(void **state) {
    call c = plan(state, world_fake_worker(), 100, "[{\"name\": \"hang\"}]");
    assert_fault(&c, "took too long");
}

static void many_calls_are_all_answered(void **state) {
    enum { CALLS = 9 };
    call calls[CALLS] = {0};
    od_planner *planner = new_planner(*state, world_fake_worker(), 60000);
    for (int i = 0; i < CALLS; i++) {
        ask(planner, &calls[i], "[{\"name\": \"ok\"}]");
    }
    for (int i = 0; i < CALLS; i++) {
        wait_for(*state, &calls[i]);
        assert_int_equal(calls[i].status, OD_OK);
        cJSON_Delete(calls[i].answers);
    }
    od_planner_close(planner);
}

static void closing_ends_what_runs_and_what_waits(void **state) {
    enum { CALLS = 4 };
    call calls[CALLS] = {0};
    od_planner *planner = new_planner(*state, world_fake_worker(), 60000);
    for (int i = 0; i < CALLS; i++) {
        ask(planner, &calls[i], "[{\"name\": \"hang\"}]");
    }
    uv_run(&((world *)*state)->loop, UV_RUN_ONCE);
    od_planner_close(planner);
    for (int i = 0; i < CALLS; i++) {
        wait_for(*state, &calls[i]);
        assert_int_equal(calls[i].status, OD_E_BUSY);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_spec_is_answered),
        TEST(what_goes_wrong_is_told),
        TEST(a_planner_that_hangs_is_stopped),
        TEST(many_calls_are_all_answered),
        TEST(closing_ends_what_runs_and_what_waits),
    };
    return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
