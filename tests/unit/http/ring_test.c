// SPDX-License-Identifier: Apache-2.0
#include "daemon/sse/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void push(od_ring *ring, int64_t id, int64_t job) {
    od_buffer frame = {0};
    assert_int_equal(od_ring_frame(&frame, id, "log", "{}"), OD_OK);
    size_t size = frame.size;
    od_ring_push(ring, id, job, false, od_buffer_take(&frame), size);
}

static int64_t next(const od_ring *ring, int64_t job, int64_t cursor) {
    const od_ring_entry *entry = od_ring_next(ring, job, cursor);
    return entry != NULL ? entry->id : -1;
}

static void test_frames(void **state) {
    (void)state;
    od_buffer frame = {0};
    assert_int_equal(od_ring_frame(&frame, 812, "state", "{\"job\":1}"), OD_OK);
    assert_string_equal(frame.data, "id: 812\nevent: state\ndata: {\"job\":1}\n\n");
    od_buffer_fini(&frame);
}

static void test_an_empty_ring_covers_nothing(void **state) {
    (void)state;
    od_ring ring;
    assert_int_equal(od_ring_init(&ring, 4), OD_OK);
    assert_false(od_ring_covers(&ring, 0));
    assert_false(od_ring_covers(&ring, INT64_MAX));
    assert_int_equal(next(&ring, 0, 0), -1);
    od_ring_fini(&ring);
}

static void test_it_covers_what_it_has(void **state) {
    (void)state;
    od_ring ring;
    assert_int_equal(od_ring_init(&ring, 4), OD_OK);
    push(&ring, 10, 1);
    push(&ring, 13, 2); // 11 and 12 were never committed
    assert_false(od_ring_covers(&ring, 8));
    assert_true(od_ring_covers(&ring, 9));
    assert_true(od_ring_covers(&ring, 12));
    assert_true(od_ring_covers(&ring, 13));
    assert_int_equal(next(&ring, 0, 9), 10);
    assert_int_equal(next(&ring, 0, 10), 13);
    assert_int_equal(next(&ring, 0, 11), 13);
    assert_int_equal(next(&ring, 0, 13), -1);
    assert_int_equal(next(&ring, 1, 10), -1);
    assert_int_equal(next(&ring, 2, 0), 13);
    od_ring_fini(&ring);
}

static void test_the_oldest_go_first(void **state) {
    (void)state;
    od_ring ring;
    assert_int_equal(od_ring_init(&ring, 4), OD_OK);
    for (int64_t id = 1; id <= 103; id++) {
        push(&ring, id, id % 3);
        int64_t oldest = id > 4 ? id - 3 : 1;
        assert_true(od_ring_covers(&ring, oldest - 1));
        assert_int_equal(od_ring_covers(&ring, oldest - 2), false);
        // A reader that starts anywhere it is covered sees every event once, in order.
        int64_t cursor = oldest - 1;
        for (int64_t want = oldest; want <= id; want++) {
            cursor = next(&ring, 0, cursor);
            assert_int_equal(cursor, want);
        }
        assert_int_equal(next(&ring, 0, cursor), -1);
    }
    od_ring_fini(&ring);
}

static void test_a_cleared_ring_starts_anew(void **state) {
    (void)state;
    od_ring ring;
    assert_int_equal(od_ring_init(&ring, 4), OD_OK);
    push(&ring, 1, 1);
    push(&ring, 2, 1);
    od_ring_clear(&ring);
    assert_false(od_ring_covers(&ring, 2));
    push(&ring, 4, 1); // 3 was lost
    assert_false(od_ring_covers(&ring, 2));
    assert_true(od_ring_covers(&ring, 3));
    od_ring_fini(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_an_empty_ring_covers_nothing),
        cmocka_unit_test(test_it_covers_what_it_has),
        cmocka_unit_test(test_the_oldest_go_first),
        cmocka_unit_test(test_a_cleared_ring_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
