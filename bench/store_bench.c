// SPDX-License-Identifier: Apache-2.0
// bench/store_bench [FOLDER]: how many points a second the writer takes from lines of
// events.ndjson (10 jobs of 100 series each, batches as the tail hands them over), and how long a
// curve of a million points takes to come down to 2,000. FOLDER (a new one under /tmp) should lie
// on the disk in question; it is removed.
#include "base/buffer.h"
#include "base/clock.h"
#include "daemon/queue/ingest.h"
#include "daemon/store/curve.h"
#include "daemon/store/jobs.h"
#include "daemon/store/points.h"
#include "daemon/store/sql.h"
#include "daemon/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    JOBS = 10,
    SERIES = 100,         // of a job
    LINES = 20,           // in a batch
    ROUNDS = 100,         // batches of each job
    LONG_CURVE = 1000000, // points
    LONG_BATCH = 10000,
    SHORT_CURVE = 2000,
    LOOKS = 20,
};

typedef struct bench {
    uv_loop_t loop;
    od_store *store;
    int64_t job;     // the last one inserted
    int64_t series;  // the long one
    int64_t step;    // of the long one
    int64_t to_step; // of the curve to read
    int64_t count;   // its points
    size_t size;     // what was left of them
    bool failed;
} bench;

static void on_done(void *ctx, od_status status, const od_error *error) {
    bench *b = ctx;
    if (status != OD_OK) {
        fprintf(stderr, "bench/store_bench: status %d: %s\n", (int)status, error->text);
        b->failed = true;
    }
}

static double seconds_since(int64_t start_ns) {
    return (double)(od_clock_monotonic_ns() - start_ns) * 1e-9;
}

// Waits for all that was asked for.
static void settle(bench *b) {
    while (uv_loop_alive(&b->loop) && uv_run(&b->loop, UV_RUN_NOWAIT) != 0) {
    }
}

static od_status insert_job(sqlite3 *db, void *ctx, od_error *error) {
    const od_job job = {.name = "bench",
                        .notes = "",
                        .labels = "{}",
                        .spec = "{}",
                        .plan = "{}",
                        .connection = "linear",
                        .model = "vit"};
    bench *b = ctx;
    OD_TRY(od_jobs_insert(db, &job, &b->job, error));
    OD_TRY(od_jobs_attempt_insert(db, b->job, 1, 1, "cpu", error));
    OD_TRY(od_sql_run(db, "UPDATE jobs SET attempt = 1 WHERE id = ?1", OD_SQL(od_sql_i(b->job)),
                      error));
    return od_jobs_attempt_started(db, b->job, 1, 0, 1, "boot", error);
}

// --- many series ---------------------------------------------------------------------------

typedef struct batch {
    od_ingest ingest; // first: it is what the work function gets
    bench *b;
    od_buffer text;
    size_t *waiting;
} batch;

static void on_ingested(void *ctx, od_status status, const od_error *error) {
    batch *one = ctx;
    on_done(one->b, status, error);
    --*one->waiting;
    od_ingest_fini(&one->ingest);
    od_buffer_fini(&one->text);
}

static od_status write_lines(od_buffer *out, int64_t round) {
    for (int64_t line = 0; line < LINES; line++) {
        OD_TRY(od_buffer_printf(out,
                                "{\"v\":1,\"type\":\"metrics\",\"attempt\":1,"
                                "\"at\":\"2026-01-01T00:00:00.000Z\",\"step\":%" PRId64
                                ",\"epoch\":0,\"values\":{",
                                round * LINES + line + 1));
        for (int series = 0; series < SERIES; series++) {
            OD_TRY(od_buffer_printf(out, "%s\"activation/attn/block%02d/s%d\":%.9g",
                                    series > 0 ? "," : "", series / 6, series % 6 + series / 96 * 6,
                                    1.0 / (double)(series + line + 1)));
        }
        OD_TRY(od_buffer_append_text(out, "}}\n"));
    }
    return OD_OK;
}

static void ingest_many(bench *b) {
    static batch batches[ROUNDS][JOBS];
    int64_t offsets[JOBS] = {0};
    size_t waiting = 0;
    for (int64_t round = 0; round < ROUNDS; round++) {
        for (int64_t j = 0; j < JOBS; j++) {
            batch *one = &batches[round][j];
            one->b = b;
            one->waiting = &waiting;
            b->failed = write_lines(&one->text, round) != OD_OK || b->failed;
            one->ingest = (od_ingest){.job = j + 1,
                                      .bytes = one->text.data,
                                      .size = one->text.size,
                                      .offset = offsets[j]};
            offsets[j] += (int64_t)one->text.size;
        }
    }
    int64_t start_ns = od_clock_monotonic_ns();
    for (int64_t round = 0; round < ROUNDS; round++) {
        for (int64_t j = 0; j < JOBS; j++) {
            waiting++;
            od_store_write(b->store, od_ingest_work, on_ingested, &batches[round][j]);
        }
    }
    while (waiting > 0) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
    double points = (double)ROUNDS * JOBS * SERIES * LINES;
    printf("%d series, %.0f points: %.0f points/s\n", JOBS * SERIES, points,
           points / seconds_since(start_ns));
}

// --- one long one --------------------------------------------------------------------------

static od_status add_points(sqlite3 *db, void *ctx, od_error *error) {
    bench *b = ctx;
    for (int i = 0; i < LONG_BATCH; i++) {
        b->step++;
        OD_TRY(od_points_add(db, b->job, 1, "train/loss", b->step,
                             1.0 / (double)(b->step % 977 + 1), error));
    }
    return OD_OK;
}

static od_status find_series(sqlite3 *db, void *ctx, od_error *error) {
    bench *b = ctx;
    return od_sql_int(db, "SELECT id FROM series WHERE job = ?1", OD_SQL(od_sql_i(b->job)),
                      &b->series, error);
}

static od_status read_curve(sqlite3 *db, void *ctx, od_error *error) {
    bench *b = ctx;
    od_curve curve;
    OD_TRY(od_curve_read(db, b->series, 0, b->to_step, SHORT_CURVE, &curve, error));
    b->size = curve.size;
    b->count = curve.count;
    od_curve_fini(&curve);
    return OD_OK;
}

typedef struct call {
    od_store_work work;
    bench *b;
    bool done;
} call;

static void on_call(void *ctx, od_status status, const od_error *error) {
    call *c = ctx;
    c->done = true;
    on_done(c->b, status, error);
}

static od_status run_call(sqlite3 *db, void *ctx, od_error *error) {
    call *c = ctx;
    return c->work(db, c->b, error);
}

static void wait_for(bench *b, void (*ask)(od_store *, od_store_work, od_store_done, void *),
                     od_store_work work) {
    call c = {.work = work, .b = b};
    ask(b->store, run_call, on_call, &c);
    while (!c.done) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
}

static void look(bench *b, int64_t points) {
    double best = 1e9;
    b->to_step = points;
    for (int i = 0; i < LOOKS; i++) {
        int64_t start_ns = od_clock_monotonic_ns();
        wait_for(b, od_store_read, read_curve);
        double took = seconds_since(start_ns);
        best = took < best ? took : best;
    }
    printf("a curve of %" PRId64 " points to %zu: %.2f ms\n", b->count, b->size, best * 1e3);
}

static void read_long(bench *b) {
    wait_for(b, od_store_write, insert_job);
    int64_t start_ns = od_clock_monotonic_ns();
    for (int64_t i = 0; i < LONG_CURVE / LONG_BATCH; i++) {
        wait_for(b, od_store_write, add_points);
    }
    printf("one series, %d points: %.0f points/s\n", LONG_CURVE,
           LONG_CURVE / seconds_since(start_ns));
    wait_for(b, od_store_write, find_series);
    look(b, LONG_CURVE);
    // The longest one that is still read point by point.
    look(b, SHORT_CURVE / 3 * OD_BLOCK_POINTS - 1);
}

int main(int argc, char **argv) {
    bench b = {0};
    char made[] = "/tmp/store_bench.XXXXXX";
    char path[4096];
    od_error error = {0};
    const char *folder = argc > 1 ? argv[1] : mkdtemp(made);
    if (folder == NULL || uv_loop_init(&b.loop) != 0) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/orthod.db", folder);
    if (od_store_open(&b.loop, path, &b.store, &error) != OD_OK) {
        fprintf(stderr, "bench/store_bench: %s\n", error.text);
        return 1;
    }
    for (int j = 0; j < JOBS; j++) {
        wait_for(&b, od_store_write, insert_job);
    }
    ingest_many(&b);
    read_long(&b);
    od_store_close(b.store);
    settle(&b);
    unlink(path);
    rmdir(folder);
    uv_loop_close(&b.loop);
    return b.failed;
}
