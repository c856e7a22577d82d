// SPDX-License-Identifier: Apache-2.0
// What queue_test.c cannot see of a worker: whom signals do not reach.
#include "daemon/exec/worker.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct outcome {
    bool told;
    od_status status;
    char text[OD_ERROR_TEXT_BYTES];
} outcome;

static volatile sig_atomic_t signals_seen;

static void count_signal(int number) {
    (void)number;
    signals_seen++;
}

static void on_alive(void *ctx, od_status status, const od_error *error) {
    outcome *out = ctx;
    out->told = true;
    out->status = status;
    snprintf(out->text, sizeof out->text, "%s", error->text);
}

static void on_exit_seen(void *ctx, const od_worker_exit *how) {
    (void)ctx;
    (void)how;
    fail();
}

// libuv has no process id for it, and kill(0) reaches the whole group of the daemon.
static void a_signal_to_a_worker_that_did_not_start_reaches_nobody(void **state) {
    uv_loop_t loop;
    od_worker *worker;
    outcome out = {0};
    const od_worker_config config = {
        .loop = &loop,
        .state_dir = *state,
        .program = "/nonexistent/worker",
        .job = 1,
        .attempt = 1,
        .threads = 1,
        .on_alive = on_alive,
        .on_exit = on_exit_seen,
        .ctx = &out,
    };
    assert_int_equal(setpgid(0, 0), 0); // so that a failure reaches no other test
    signal(SIGUSR1, count_signal);
    uv_loop_init(&loop);
    assert_int_equal(od_worker_start(&config, "{}", &worker, NULL), OD_OK);
    while (!out.told) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(out.status, OD_E_IO);
    assert_string_equal(out.text, "/nonexistent/worker: cannot start: no such file or directory");
    assert_true(od_worker_signal(worker, SIGUSR1, 0));
    assert_int_equal(signals_seen, 0);
    od_worker_close(worker);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signal_to_a_worker_that_did_not_start_reaches_nobody,
                                        scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
