// SPDX-License-Identifier: Apache-2.0
// The hub on a real database and real sockets: whatever the interleaving of commits, publishing
// and reading, a client sees every event once and in order.
#include "daemon/sse/hub.h"

#include "daemon/http/mhd.h"
#include "daemon/store/jobs.h"
#include "tests/unit/http/client.h"
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct world {
    char *folder;
    uv_loop_t loop;
    od_store *store;
    od_hub *hub;
    od_mhd *mhd;
    char address[OD_MHD_ADDRESS_BYTES];
} world;

// --- the server -----------------------------------------------------------------------------

static void serve(od_request *request, int64_t job) {
    const char *after = od_request_query(request, "after");
    od_hub_answer(((world *)od_request_context(request))->hub, request, job,
                  after != NULL ? strtoll(after, NULL, 10) : OD_HUB_FROM_NOW);
}

static void serve_all(od_request *request) {
    serve(request, 0);
}

static void serve_job(od_request *request) {
    serve(request, strtoll(od_request_segment(request, 1), NULL, 10));
}

static const od_route routes[] = {
    {OD_METHOD_GET, "/events", serve_all, 0, "after", OD_ROLE_ADMIN},
    {OD_METHOD_GET, "/jobs/{id}", serve_job, 0, "after", OD_ROLE_ADMIN},
};

static int setup(void **state) {
    void *folder;
    char path[SCRATCH_PATH_BYTES];
    world *w = calloc(1, sizeof *w);
    if (scratch_setup(&folder) != 0) {
        free(w);
        return -1;
    }
    w->folder = folder;
    uv_loop_init(&w->loop);
    const od_mhd_config config = {.loop = &w->loop,
                                  .routes = routes,
                                  .route_count = sizeof routes / sizeof routes[0],
                                  .context = w};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    od_error error;
    if (od_store_open(&w->loop, scratch_path(path, folder, "db"), &w->store, &error) != OD_OK ||
        od_hub_new(&w->loop, w->store, &w->hub, &error) != OD_OK ||
        od_mhd_new(&config, &w->mhd, &error) != OD_OK ||
        od_mhd_listen(w->mhd, (struct sockaddr *)&in, sizeof in, &error) != OD_OK) {
        return -1;
    }
    snprintf(w->address, sizeof w->address, "%s", od_mhd_address(w->mhd, 0));
    *state = w;
    return 0;
}

static int teardown(void **state) {
    world *w = *state;
    void *folder = w->folder;
    od_mhd_close(w->mhd);
    od_store_close(w->store);
    od_hub_close(w->hub);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&w->loop);
    free(w);
    return scratch_teardown(&folder) != 0 || failed != 0 ? -1 : 0;
}

// --- writing --------------------------------------------------------------------------------

typedef struct telling {
    world *w;
    int64_t job;
    int count;
    bool final;
    bool publish;
    bool done;
    const char *sql;
    od_event_list events;
} telling;

static od_status append(sqlite3 *db, void *ctx, od_error *error) {
    telling *self = ctx;
    if (self->sql != NULL && sqlite3_exec(db, self->sql, NULL, NULL, NULL) != SQLITE_OK) {
        return od_error_set(error, OD_E_DATABASE, "%s", sqlite3_errmsg(db));
    }
    for (int i = 0; i < self->count; i++) {
        bool last = i + 1 == self->count;
        OD_TRY(od_events_append(db, &self->events, self->job, "log", strdup("{\"message\":\"x\"}"),
                                self->final && last, error));
    }
    return OD_OK;
}

static void on_written(void *ctx, od_status status, const od_error *error) {
    (void)error;
    telling *self = ctx;
    assert_int_equal(status, OD_OK);
    if (self->publish) {
        od_hub_publish(self->w->hub, self->events.items, self->events.count);
    }
    self->done = true;
}

static bool is_written(void *ctx) {
    return ((telling *)ctx)->done;
}

static void commit(telling *self) {
    od_store_write(self->w->store, append, on_written, self);
    client_run_until(&self->w->loop, is_written, self);
}

// Commits and publishes count events of a job.
static void tell(world *w, int64_t job, int count, bool final) {
    telling self = {.w = w, .job = job, .count = count, .final = final, .publish = true};
    commit(&self);
    od_event_list_fini(&self.events);
}

static void run_sql(world *w, const char *sql) {
    telling self = {.w = w, .sql = sql};
    commit(&self);
}

static od_status insert_job(sqlite3 *db, void *ctx, od_error *error) {
    (void)ctx;
    int64_t id;
    char empty[] = "";
    char object[] = "{}";
    const od_job job = {.name = empty,
                        .notes = empty,
                        .labels = object,
                        .spec = object,
                        .plan = object,
                        .connection = empty,
                        .model = empty,
                        .threads = 1};
    return od_jobs_insert(db, &job, &id, error);
}

// Jobs 1 and 2, queued.
static void make_jobs(world *w) {
    for (int i = 0; i < 2; i++) {
        telling self = {.w = w};
        od_store_write(w->store, insert_job, on_written, &self);
        client_run_until(&w->loop, is_written, &self);
    }
}

static void end_job(world *w, int64_t id) {
    char sql[100];
    snprintf(sql, sizeof sql, "UPDATE jobs SET state = %d WHERE id = %" PRId64, OD_JOB_SUCCEEDED,
             id);
    run_sql(w, sql);
}

// --- reading --------------------------------------------------------------------------------

static client *open_stream(world *w, const char *target, const char *until) {
    char bytes[512];
    snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             target, w->address);
    return client_start(&w->loop, w->address, bytes, strlen(bytes), until);
}

static bool has_subscriber(void *ctx) {
    return od_hub_subscribers(((world *)ctx)->hub) > 0;
}

static bool is_open(void *ctx) {
    return client_has(ctx, "retry: 2000\n\n");
}

// Waits until the stream is open: what is told from then on is live.
static client *open_live(world *w, const char *target, const char *until) {
    client *reader = open_stream(w, target, until);
    client_run_until(&w->loop, is_open, reader);
    return reader;
}

// The ids in an answer, as "1 2 3". A chunk's size line may stand between events, not in one.
static char *ids_of(const char *answer) {
    od_buffer out = {0};
    assert_int_equal(od_buffer_append_text(&out, ""), OD_OK);
    for (const char *at = answer; (at = strstr(at, "id: ")) != NULL; at += 4) {
        assert_int_equal(
            od_buffer_printf(&out, "%s%lld", out.size > 0 ? " " : "", strtoll(at + 4, NULL, 10)),
            OD_OK);
    }
    return od_buffer_take(&out);
}

static void finish_with_ids(client *reader, const char *ids) {
    char *answer = client_finish(reader);
    char *found = ids_of(answer);
    if (strcmp(found, ids) != 0) {
        fail_msg("want %s, got %s in: %s", ids, found, answer);
    }
    free(found);
    free(answer);
}

// Removes the chunk framing, so that ids may be split by chunks.
static void finish_with_range(client *reader, int64_t first, int64_t last) {
    char *answer = client_finish(reader);
    const char *at = strstr(answer, "\r\n\r\n") + 4;
    od_buffer body = {0};
    size_t left = strlen(at);
    assert_int_equal(od_buffer_append_text(&body, ""), OD_OK); // a text even if nothing comes
    for (size_t size = strtoul(at, NULL, 16); size > 0; size = strtoul(at, NULL, 16)) {
        const char *data = strstr(at, "\r\n") + 2;
        left -= (size_t)(data - at);
        size_t there = size < left ? size : left; // the client leaves in the middle of one
        assert_int_equal(od_buffer_append(&body, data, there), OD_OK);
        if (left < size + 2) {
            break;
        }
        at = data + size + 2;
        left -= size + 2;
    }
    int64_t want = first;
    for (const char *id = body.data; (id = strstr(id, "id: ")) != NULL; id += 4) {
        if (strchr(id, '\n') != NULL) {
            assert_int_equal(strtoll(id + 4, NULL, 10), want++);
        }
    }
    assert_int_equal(want, last + 1);
    od_buffer_fini(&body);
    free(answer);
}

// --- tests ----------------------------------------------------------------------------------

static void test_live_events(void **state) {
    world *w = *state;
    tell(w, 1, 2, false);
    client *reader = open_live(w, "/events", "id: 5");
    tell(w, 1, 2, false);
    tell(w, 2, 1, false);
    char *answer = client_finish(reader);
    char *ids = ids_of(answer);
    assert_string_equal(ids, "3 4 5");
    assert_non_null(strstr(answer, "Content-Type: text/event-stream"));
    assert_non_null(strstr(answer, "retry: 2000\n\n"));
    assert_non_null(strstr(answer, "id: 3\nevent: log\ndata: {\"message\":\"x\"}\n\n"));
    free(ids);
    free(answer);
}

static void test_replay_goes_over_into_live(void **state) {
    world *w = *state;
    tell(w, 1, 3, false);
    client *reader = open_live(w, "/events?after=1", "id: 5");
    tell(w, 1, 2, false);
    finish_with_ids(reader, "2 3 4 5");
}

static void test_replay_beyond_the_ring_while_more_come(void **state) {
    world *w = *state;
    enum { BATCHES = 120, BATCH = 50 };
    for (int i = 0; i < BATCHES / 2; i++) {
        tell(w, 1, BATCH, false);
    }
    client *slow = open_stream(w, "/events?after=0", "id: 6000\n");
    client *other = open_stream(w, "/events?after=2999", "id: 6000\n");
    for (int i = 0; i < BATCHES / 2; i++) {
        tell(w, i % 7, BATCH, false);
    }
    finish_with_range(slow, 1, BATCHES * BATCH);
    finish_with_range(other, 3000, BATCHES * BATCH);
}

static void test_events_that_are_committed_and_not_yet_published(void **state) {
    world *w = *state;
    tell(w, 1, 1, false); // the ring is not empty
    telling pending = {.w = w, .job = 1, .count = 2};
    commit(&pending);
    client *replay = open_live(w, "/events?after=0", "id: 4");
    client *live = open_stream(w, "/events?after=1", "id: 4");
    client *late = open_stream(w, "/jobs/9", NULL); // 404: its answer comes behind theirs
    free(client_finish(late));
    od_hub_publish(w->hub, pending.events.items, pending.events.count);
    tell(w, 1, 1, false);
    finish_with_ids(replay, "1 2 3 4");
    finish_with_ids(live, "2 3 4");
    od_event_list_fini(&pending.events);
}

static void test_a_new_hub_on_an_old_database(void **state) {
    world *w = *state;
    telling old = {.w = w, .job = 1, .count = 200}; // of a daemon before this one
    commit(&old);
    od_event_list_fini(&old.events);
    finish_with_range(open_stream(w, "/events?after=0", "id: 200\n"), 1, 200);
}

static void test_a_stream_of_one_job(void **state) {
    world *w = *state;
    make_jobs(w);
    tell(w, 1, 1, false);
    tell(w, 2, 1, false);
    client *reader = open_live(w, "/jobs/1?after=0", NULL);
    tell(w, 2, 1, false);
    tell(w, 1, 1, false);
    tell(w, 2, 1, true);
    tell(w, 1, 2, true); // and the server closes
    finish_with_ids(reader, "1 4 6 7");
}

static void test_a_stream_of_an_ended_job(void **state) {
    world *w = *state;
    make_jobs(w);
    tell(w, 1, 100, true);
    tell(w, 2, 1, false);
    end_job(w, 1);
    finish_with_range(open_stream(w, "/jobs/1?after=0", NULL), 1, 100);
    finish_with_ids(open_stream(w, "/jobs/1?after=98", NULL), "99 100");
    static const char *const targets[] = {"/jobs/1?after=100", "/jobs/1?after=101", "/jobs/1"};
    for (size_t i = 0; i < 3; i++) {
        char *answer = client_finish(open_stream(w, targets[i], NULL));
        assert_non_null(strstr(answer, "204 No Content"));
        free(answer);
    }
}

static void test_a_job_that_is_not_there(void **state) {
    char *answer = client_finish(open_stream(*state, "/jobs/7?after=0", NULL));
    assert_non_null(strstr(answer, "404 "));
    assert_non_null(strstr(answer, "/problems/not-found"));
    free(answer);
}

static void test_events_that_are_gone(void **state) {
    world *w = *state;
    tell(w, 1, 10, false);
    run_sql(w, "DELETE FROM events WHERE id <= 5");
    // What was asked for is gone: a reset that counts as the newest event.
    client *reader = open_live(w, "/events?after=3", "id: 11");
    tell(w, 1, 1, false);
    char *answer = client_finish(reader);
    assert_non_null(strstr(answer, "id: 10\nevent: reset\ndata: {}\n\n"));
    char *ids = ids_of(answer);
    assert_string_equal(ids, "10 11");
    free(ids);
    free(answer);
    // The edge, and "all that is kept".
    finish_with_ids(open_stream(w, "/events?after=5", "id: 11"), "6 7 8 9 10 11");
    finish_with_ids(open_stream(w, "/events?after=0", "id: 11"), "6 7 8 9 10 11");
}

static void test_an_id_of_the_future(void **state) {
    world *w = *state;
    tell(w, 1, 2, false);
    char *answer = client_finish(open_stream(w, "/events?after=99", "{}\n\n"));
    assert_non_null(strstr(answer, "id: 2\nevent: reset\n"));
    free(answer);
}

static bool has_none(void *ctx) {
    return !has_subscriber(ctx);
}

static void test_a_client_that_left_is_forgotten(void **state) {
    world *w = *state;
    client *reader = open_live(w, "/events", "retry: 2000");
    free(client_finish(reader));
    // Writing to a connection that is gone tells; so the next events do.
    for (int i = 0; i < 100 && !has_none(w); i++) {
        tell(w, 1, 1, false);
    }
    client_run_until(&w->loop, has_none, w);
}

static void test_a_stop_with_open_streams(void **state) {
    world *w = *state;
    client *reader = open_live(w, "/events?after=0", NULL);
    tell(w, 1, 1, false);
    od_mhd_close(w->mhd);
    w->mhd = NULL;
    free(client_finish(reader));
    assert_int_equal(od_hub_subscribers(w->hub), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_live_events),
        TEST(test_replay_goes_over_into_live),
        TEST(test_replay_beyond_the_ring_while_more_come),
        TEST(test_events_that_are_committed_and_not_yet_published),
        TEST(test_a_new_hub_on_an_old_database),
        TEST(test_a_stream_of_one_job),
        TEST(test_a_stream_of_an_ended_job),
        TEST(test_a_job_that_is_not_there),
        TEST(test_events_that_are_gone),
        TEST(test_an_id_of_the_future),
        TEST(test_a_client_that_left_is_forgotten),
        TEST(test_a_stop_with_open_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
