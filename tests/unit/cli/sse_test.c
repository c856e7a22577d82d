// SPDX-License-Identifier: Apache-2.0
#include "cli/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char stream[] =
    ": comment\n\nretry: 3000\n\nid: 7\nevent: state\ndata: {\"a\": 1}\n\n"
    "id: 8\nevent: log\ndata: one\ndata: two\n\nid: 9\nevent: half\ndata: x";

static void collect(void *ctx, const char *event, const char *data) {
    assert_int_equal(od_buffer_printf(ctx, "[%s %s]", event, data), OD_OK);
}

static void parts_of_any_size_are_read(void **state) {
    (void)state;
    for (size_t part = 1; part < sizeof stream; part++) {
        od_buffer found = {0};
        od_sse sse = {.sink = collect, .ctx = &found};
        for (size_t at = 0; at < sizeof stream - 1; at += part) {
            size_t left = sizeof stream - 1 - at;
            assert_int_equal(od_sse_feed(&sse, stream + at, part < left ? part : left), OD_OK);
        }
        assert_string_equal(found.data, "[state {\"a\": 1}][log one\ntwo]");
        assert_int_equal(sse.last_id, 8);
        od_sse_fini(&sse);
        od_buffer_fini(&found);
    }
}

static void a_half_event_is_forgotten(void **state) {
    (void)state;
    od_buffer found = {0};
    od_sse sse = {.sink = collect, .ctx = &found};
    assert_int_equal(od_sse_feed(&sse, stream, sizeof stream - 1), OD_OK);
    od_sse_restart(&sse);
    assert_int_equal(sse.last_id, 8);
    assert_int_equal(od_sse_feed(&sse, "id: 9\nevent: e\ndata: y\n\n", 25), OD_OK);
    assert_string_equal(found.data, "[state {\"a\": 1}][log one\ntwo][e y]");
    assert_int_equal(sse.last_id, 9);
    od_sse_fini(&sse);
    od_buffer_fini(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_any_size_are_read),
        cmocka_unit_test(a_half_event_is_forgotten),
    };
    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
