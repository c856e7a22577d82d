// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/daemon/world.h"

#include "base/log.h"
#include "daemon/store/sql.h"
#include "tests/unit/scratch.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_S = 60, SLOTS = 2, MEMORY = 1000 };

typedef struct wait_for {
    bool done;
    od_status status;
    int64_t id;
} wait_for;

static void on_done(void *ctx, od_status status, const od_error *error) {
    wait_for *wait = ctx;
    (void)error;
    wait->done = true;
    wait->status = status;
}

static void turn(world *w) {
    alarm(PATIENCE_S);
    uv_run(&w->loop, UV_RUN_ONCE);
    alarm(0);
}

const char *world_fake_worker(void) {
    static char path[PATH_MAX];
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    assert_true(snprintf(path, sizeof path, "%s/fake_worker", dirname(self)) < (int)sizeof path);
    return path;
}

void world_open_store(world *w) {
    char path[SCRATCH_PATH_BYTES];
    od_error error = {0};
    od_status status =
        od_store_open(&w->loop, scratch_path(path, w->folder, "orthod.db"), &w->store, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, OD_OK);
}

void world_close_store(world *w) {
    od_store_close(w->store);
    w->store = NULL;
}

int world_setup(void **state) {
    static world w;
    void *folder;
    signal(SIGPIPE, SIG_IGN);
    od_log_set_level(OD_LOG_ERROR);
    memset(&w, 0, sizeof w);
    if (uv_loop_init(&w.loop) != 0) {
        return -1;
    }
    if (scratch_setup(&folder) != 0) {
        uv_loop_close(&w.loop);
        return -1;
    }
    w.folder = folder;
    w.grace_ms = 10000;
    world_open_store(&w);
    *state = &w;
    return 0;
}

int world_teardown(void **state) {
    world *w = *state;
    void *folder = w->folder;
    world_stop(w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&w->loop) == 0 ? scratch_teardown(&folder) : -1;
}

static void publish(void *ctx, const od_event *events, size_t count) {
    world *w = ctx;
    for (size_t i = 0; i < count; i++) {
        assert_true(events[i].id > w->last_event); // in order, none twice
        w->last_event = events[i].id;
        w->event_count++;
        if (strcmp(events[i].kind, "state") != 0) {
            continue;
        }
        cJSON *data = cJSON_Parse(events[i].data);
        assert_true(w->state_count < WORLD_STATES_MAX);
        int found = od_job_state_parse(cJSON_GetStringValue(cJSON_GetObjectItem(data, "state")));
        assert_true(found >= 0);
        assert_int_equal(events[i].final, od_job_state_ended((od_job_state)found));
        w->states[w->state_count].job = events[i].job;
        w->states[w->state_count++].state = (od_job_state)found;
        if (w->on_state != NULL) {
            w->on_state(w, events[i].job, (od_job_state)found);
        }
        cJSON_Delete(data);
    }
}

void world_start(world *w, const char *program) {
    od_error error;
    wait_for ready = {0};
    if (w->store == NULL) {
        world_open_store(w);
    }
    const od_queue_config config = {
        .loop = &w->loop,
        .store = w->store,
        .sink = {publish, w},
        .state_dir = w->folder,
        .worker = program != NULL ? program : world_fake_worker(),
        .devices = {.items = {{.id = "cpu",
                               .slots = SLOTS,
                               .slots_free = SLOTS,
                               .memory_bytes = MEMORY,
                               .memory_free_bytes = MEMORY}},
                    .count = 1},
        .default_threads = 1,
        .stop_grace_ms = w->grace_ms,
        .backfill = true,
        .preempt = w->preempt,
        .label_limits = w->label_limits,
        .label_limit_count = w->label_limit_count,
        .retry_delay_ms = w->retry_delay_ms,
        .retry_delay_max_ms = 4 * w->retry_delay_ms,
        .boot_id = w->boot_id != NULL ? w->boot_id : "boot",
    };
    assert_int_equal(od_queue_new(&config, &w->queue, &error), OD_OK);
    od_queue_start(w->queue, on_done, &ready);
    while (!ready.done) {
        turn(w);
    }
    assert_int_equal(ready.status, OD_OK);
}

void world_stop(world *w) {
    od_queue_close(w->queue);
    w->queue = NULL;
    world_close_store(w);
}

// A task of the store whose done function ends a wait.
typedef struct waited_task {
    wait_for wait; // first: on_done gets the task
    od_store_work work;
    void *ctx;
} waited_task;

static od_status run_task(sqlite3 *db, void *ctx, od_error *error) {
    const waited_task *task = ctx;
    return task->work(db, task->ctx, error);
}

static od_status finish_task(world *w, const waited_task *task) {
    while (!task->wait.done) {
        turn(w);
    }
    return task->wait.status;
}

od_status world_write(world *w, od_store_work work, void *ctx) {
    waited_task task = {.work = work, .ctx = ctx};
    od_store_write(w->store, run_task, on_done, &task);
    return finish_task(w, &task);
}

od_status world_read(world *w, od_store_work work, void *ctx) {
    waited_task task = {.work = work, .ctx = ctx};
    od_store_read(w->store, run_task, on_done, &task);
    return finish_task(w, &task);
}

static void on_submitted(void *ctx, od_status status, const od_error *error,
                         const od_submit_result *result, const od_faults *faults) {
    wait_for *wait = ctx;
    (void)error;
    wait->done = true;
    wait->id = status == OD_OK ? result->id : status;
    assert_true((status == OD_E_INVALID) == (faults->count > 0));
}

int64_t world_submit(world *w, const char *name, const char *more) {
    char spec[1024];
    snprintf(spec, sizeof spec,
             "{\"name\": \"%s\", \"model\": {\"arch\": \"vit\", \"preset\": \"N\"},"
             " \"residual\": {\"connection\": \"linear\"}%s%s}",
             name, *more == '\0' ? "" : ", ", more);
    return world_submit_spec(w, spec);
}

int64_t world_submit_spec(world *w, const char *spec) {
    wait_for wait = {0};
    const od_submission job = {.spec = spec, .plan = w->plan != NULL ? w->plan : "{\"steps\": 6}"};
    const od_submit_request request = {.jobs = &job, .count = 1};
    od_queue_submit(w->queue, &request, on_submitted, &wait);
    while (!wait.done) {
        turn(w);
    }
    return wait.id;
}

od_status world_ask(world *w, int64_t job, od_queue_verb verb) {
    wait_for wait = {0};
    od_queue_ask(w->queue, job, verb, on_done, &wait);
    while (!wait.done) {
        turn(w);
    }
    return wait.status;
}

od_status world_edit_labels(world *w, int64_t job, const char *labels) {
    wait_for wait = {0};
    const od_job_edit edit = {.labels = labels};
    od_queue_edit(w->queue, job, &edit, on_done, &wait);
    while (!wait.done) {
        turn(w);
    }
    return wait.status;
}

void world_wait(world *w, int64_t job, od_job_state state, int count) {
    for (;;) {
        int seen = 0;
        for (size_t i = 0; i < w->state_count; i++) {
            seen += w->states[i].job == job && w->states[i].state == state;
        }
        if (seen >= count) {
            return;
        }
        turn(w);
    }
}

typedef struct job_query {
    int64_t id;
    od_job job;
} job_query;

static od_status get_job(sqlite3 *db, void *ctx, od_error *error) {
    job_query *query = ctx;
    return od_jobs_get(db, query->id, &query->job, error);
}

od_job world_job(world *w, int64_t id) {
    job_query query = {.id = id};
    assert_int_equal(world_read(w, get_job, &query), OD_OK);
    return query.job;
}

void world_assert_states(const world *w, int64_t job, const char *states) {
    char seen[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < w->state_count; i++) {
        if (w->states[i].job == job) {
            used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%s", used > 0 ? " " : "",
                                     od_job_state_text(w->states[i].state));
        }
    }
    assert_string_equal(seen, states);
}

typedef struct sql_query {
    const char *sql;
    char *text;
} sql_query;

static od_status run_query(sqlite3 *db, void *ctx, od_error *error) {
    static const od_sql_field field = {0, 'i'};
    static const od_sql_shape shape = {&field, 1, sizeof(int64_t)};
    sql_query *query = ctx;
    od_buffer text = {0};
    void *items;
    size_t count;
    OD_TRY(od_sql_rows(db, query->sql, OD_SQL_NONE, &shape, &items, &count, error));
    od_status status = od_buffer_append_text(&text, "");
    for (size_t i = 0; i < count && status == OD_OK; i++) {
        status = od_buffer_printf(&text, "%s%" PRId64, i > 0 ? " " : "", ((int64_t *)items)[i]);
    }
    free(items);
    query->text = od_buffer_take(&text);
    return status;
}

char *world_query(world *w, const char *sql) {
    sql_query query = {.sql = sql};
    assert_int_equal(world_read(w, run_query, &query), OD_OK);
    return query.text;
}

int world_query_int(world *w, const char *sql) {
    char *text = world_query(w, sql);
    char *end;
    long value = strtol(text, &end, 10);
    assert_true(end != text);
    assert_in_range(value, 0, INT_MAX);
    free(text);
    return (int)value;
}

void world_assert_query(world *w, const char *sql, const char *expected) {
    char *text = world_query(w, sql);
    assert_string_equal(text, expected);
    free(text);
}

pid_t world_worker_pid(world *w, int64_t job) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT pid FROM attempts WHERE job = %d ORDER BY attempt DESC",
             (int)job);
    return world_query_int(w, sql);
}
