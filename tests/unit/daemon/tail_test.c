// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/tail.h"

#include "base/buffer.h"
#include "tests/unit/daemon/world.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// A reader that keeps what it got; it can be told to refuse the next batch.
typedef struct reader {
    world *world;
    od_tail *tail;
    od_buffer got;
    int64_t next; // the offset that has to come
    int batches;
    int refuse;
    bool ended;
} reader;

static void on_lines(void *ctx, const char *bytes, size_t size, int64_t offset) {
    reader *r = ctx;
    assert_int_equal(offset, r->next);
    r->batches++;
    if (r->refuse > 0) {
        r->refuse--;
        od_tail_refuse(r->tail);
        return;
    }
    assert_int_equal(od_buffer_append(&r->got, bytes, size), OD_OK);
    r->next += (int64_t)size;
    od_tail_accept(r->tail);
}

static void on_end(void *ctx) {
    reader *r = ctx;
    assert_false(r->ended);
    r->ended = true;
}

static void follow(reader *r, world *w, int64_t offset) {
    char path[SCRATCH_PATH_BYTES];
    od_error error;
    r->world = w;
    r->next = offset;
    const od_tail_config config = {
        .loop = &w->loop,
        .path = scratch_path(path, w->folder, "file"),
        .offset = offset,
        .on_lines = on_lines,
        .on_end = on_end,
        .ctx = r,
    };
    assert_int_equal(od_tail_new(&config, &r->tail, &error), OD_OK);
}

static void append(world *w, const char *text, size_t size) {
    char path[SCRATCH_PATH_BYTES];
    int fd = open(scratch_path(path, w->folder, "file"), O_WRONLY | O_APPEND | O_CREAT, 0644);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
}

static void append_text(world *w, const char *text) {
    append(w, text, strlen(text));
}

static void wait_for(reader *r, size_t size) {
    alarm(60);
    while (r->got.size < size) {
        uv_run(&r->world->loop, UV_RUN_ONCE);
    }
    alarm(0);
}

static void finish(reader *r) {
    od_tail_finish(r->tail);
    alarm(60);
    while (!r->ended) {
        uv_run(&r->world->loop, UV_RUN_ONCE);
    }
    alarm(0);
    od_tail_close(r->tail);
}

static void assert_got(reader *r, const char *text) {
    assert_string_equal(r->got.data != NULL ? r->got.data : "", text);
    od_buffer_fini(&r->got);
}

static void lines_come_as_they_are_written(void **state) {
    reader r = {0};
    append_text(*state, "one\n");
    follow(&r, *state, 0);
    wait_for(&r, 4);
    append_text(*state, "two\nthree\n");
    wait_for(&r, 14);
    finish(&r);
    assert_got(&r, "one\ntwo\nthree\n");
}

static void half_a_line_waits_for_its_other_half(void **state) {
    reader r = {0};
    append_text(*state, "one\ntw");
    follow(&r, *state, 0);
    wait_for(&r, 4);
    append_text(*state, "o\n");
    wait_for(&r, 8);
    finish(&r);
    assert_got(&r, "one\ntwo\n");
}

static void half_a_line_at_the_end_is_left_out(void **state) {
    reader r = {0};
    append_text(*state, "one\nhalf");
    follow(&r, *state, 0);
    finish(&r);
    assert_got(&r, "one\n");
    assert_int_equal(r.next, 4);
}

static void reading_goes_on_at_the_offset(void **state) {
    reader r = {0};
    append_text(*state, "one\ntwo\nthree\n");
    follow(&r, *state, 4);
    finish(&r);
    assert_got(&r, "two\nthree\n");
}

static void a_refused_batch_comes_again(void **state) {
    reader r = {.refuse = 2};
    append_text(*state, "one\ntwo\n");
    follow(&r, *state, 0);
    wait_for(&r, 8);
    assert_int_equal(r.batches, 3);
    finish(&r);
    assert_got(&r, "one\ntwo\n");
}

static void a_file_that_is_not_there_yet_is_waited_for(void **state) {
    reader r = {0};
    follow(&r, *state, 0);
    uv_run(&((world *)*state)->loop, UV_RUN_ONCE);
    append_text(*state, "late\n");
    wait_for(&r, 5);
    finish(&r);
    assert_got(&r, "late\n");
}

static void a_file_that_never_comes_has_an_end(void **state) {
    reader r = {0};
    follow(&r, *state, 0);
    finish(&r);
    assert_got(&r, "");
}

static void a_large_file_comes_in_bounded_batches(void **state) {
    enum { LINES = 100000 };
    reader r = {0};
    od_buffer text = {0};
    for (int i = 0; i < LINES; i++) {
        assert_int_equal(od_buffer_printf(&text, "line number %d\n", i), OD_OK);
    }
    append(*state, text.data, text.size);
    follow(&r, *state, 0);
    finish(&r);
    assert_true(r.batches >= (int)(text.size / OD_TAIL_BATCH_BYTES));
    assert_int_equal(r.got.size, text.size);
    assert_memory_equal(r.got.data, text.data, text.size);
    od_buffer_fini(&text);
    od_buffer_fini(&r.got);
}

static void a_line_beyond_all_bounds_comes_in_pieces_and_does_not_block(void **state) {
    reader r = {0};
    char *line = malloc(3 * OD_TAIL_BATCH_BYTES);
    memset(line, 'x', 3 * OD_TAIL_BATCH_BYTES);
    append(*state, line, 3 * OD_TAIL_BATCH_BYTES);
    append_text(*state, "\nnext\n");
    follow(&r, *state, 0);
    finish(&r);
    assert_int_equal(r.got.size, 3 * OD_TAIL_BATCH_BYTES + 6);
    assert_string_equal(r.got.data + r.got.size - 5, "next\n");
    free(line);
    od_buffer_fini(&r.got);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(lines_come_as_they_are_written),
        TEST(half_a_line_waits_for_its_other_half),
        TEST(half_a_line_at_the_end_is_left_out),
        TEST(reading_goes_on_at_the_offset),
        TEST(a_refused_batch_comes_again),
        TEST(a_file_that_is_not_there_yet_is_waited_for),
        TEST(a_file_that_never_comes_has_an_end),
        TEST(a_large_file_comes_in_bounded_batches),
        TEST(a_line_beyond_all_bounds_comes_in_pieces_and_does_not_block),
    };
    return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
