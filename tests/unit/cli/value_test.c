// SPDX-License-Identifier: Apache-2.0
#include "cli/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void durations_have_two_units(void **state) {
    (void)state;
    char out[OD_VALUE_TEXT_BYTES];
    assert_string_equal(od_value_duration(out, -1), "0s");
    assert_string_equal(od_value_duration(out, 58.2), "59s");
    assert_string_equal(od_value_duration(out, 75), "1m15s");
    assert_string_equal(od_value_duration(out, 7260), "2h01m");
    assert_string_equal(od_value_duration(out, 90000), "1d01h");
}

static void bytes_have_a_unit(void **state) {
    (void)state;
    char out[OD_VALUE_TEXT_BYTES];
    assert_string_equal(od_value_bytes(out, 1023), "1023 B");
    assert_string_equal(od_value_bytes(out, 52428800), "50.0 MiB");
    assert_string_equal(od_value_bytes(out, 0x1p50), "1024.0 TiB");
}

static void progress_is_in_steps_and_percent(void **state) {
    (void)state;
    char out[OD_VALUE_TEXT_BYTES];
    cJSON *json = cJSON_Parse("{\"step\": 150, \"steps\": 1404}");
    assert_string_equal(od_value_progress(out, json), "150/1404 10%");
    cJSON_Delete(json);
    assert_string_equal(od_value_progress(out, NULL), "");
}

static void times_lose_what_nobody_reads(void **state) {
    (void)state;
    char out[OD_VALUE_TEXT_BYTES];
    assert_string_equal(od_value_time(out, "2026-11-24T12:30:01.123Z"), "2026-11-24 12:30:01");
    assert_string_equal(od_value_time(out, ""), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_two_units),
        cmocka_unit_test(bytes_have_a_unit),
        cmocka_unit_test(progress_is_in_steps_and_percent),
        cmocka_unit_test(times_lose_what_nobody_reads),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
