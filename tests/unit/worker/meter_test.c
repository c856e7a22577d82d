// SPDX-License-Identifier: Apache-2.0
// worker/meter.c: means, series names, numbers that JSON has not, and sums that survive a checkpoint to
// the last bit.
#include "worker/meter.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double value_of(const cJSON *values, const char *name) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(values, name);
    double value = -1;
    if (node == NULL || od_json_to_double(node, &value) != 0) {
        fail_msg("%s is not there", name);
    }
    return value;
}

static void a_point_is_a_mean_and_empties_the_meter(void **state) {
    (void)state;
    od_meter meter = {0};
    od_step_result step = {.samples = 10, .loss = 3, .accuracy = 0.5, .lr = 0.1, .grad_norm = 7};
    od_meter_add(&meter, &step, 2000000000);
    step = (od_step_result){.samples = 30, .loss = 1, .accuracy = 0.25, .lr = 0.2, .grad_norm = 8};
    od_meter_add(&meter, &step, 2000000000);
    cJSON *values = od_meter_take(&meter, &step);
    assert_true(value_of(values, "train/loss") == 2);
    assert_true(value_of(values, "train/acc@1") == 0.375);
    assert_true(value_of(values, "train/lr") == 0.2);
    assert_true(value_of(values, "train/grad/global_norm") == 8);
    assert_true(value_of(values, "train/samples_per_sec") == 10);
    assert_int_equal(cJSON_GetArraySize(values), 5);
    assert_int_equal(meter.steps, 0);
    assert_true(meter.loss_sum == 0 && meter.timed_samples == 0);
    cJSON_Delete(values);
}

static void mixed_steps_have_no_accuracy(void **state) {
    (void)state;
    od_meter meter = {0}, again = {0};
    const od_step_result step = {.samples = 10, .loss = 3, .accuracy = (double)NAN};
    od_meter_add(&meter, &step, 1);
    cJSON *saved = od_meter_save(&meter);
    assert_int_equal(od_meter_load(&again, saved, NULL), OD_OK);
    cJSON *values = od_meter_take(&again, &step);
    assert_null(cJSON_GetObjectItem(values, "train/acc@1"));
    assert_true(value_of(values, "train/loss") == 3);
    cJSON_Delete(values);
    cJSON_Delete(saved);
}

static void what_is_not_finite_is_text(void **state) {
    (void)state;
    od_meter meter = {0};
    od_step_result step = {.loss = (double)INFINITY, .grad_norm = (double)NAN};
    od_meter_add(&meter, &step, 1);
    cJSON *values = od_meter_take(&meter, &step);
    assert_string_equal(cJSON_GetObjectItem(values, "train/loss")->valuestring, "Infinity");
    assert_string_equal(cJSON_GetObjectItem(values, "train/grad/global_norm")->valuestring, "NaN");
    cJSON_Delete(values);
}

static void statistics_have_names_and_means(void **state) {
    (void)state;
    od_connection_stats stats[] = {
        {.tag = "attn", .block = 0, .values = {1, 0, 0, 0, 0, 10}},
        {.tag = "mlp", .block = 0, .values = {2}},
        {.tag = "attn", .block = 11, .values = {5, 0, 0, 0, 0, -20}},
        {.tag = "mlp", .block = 100, .values = {4}},
    };
    cJSON *values = cJSON_CreateObject();
    od_meter_add_stats(values, stats, 4);
    assert_true(value_of(values, "activation/attn/block00/x_norm2") == 1);
    assert_true(value_of(values, "activation/attn/block11/cos_x_out") == -20);
    assert_true(value_of(values, "activation/mlp/block100/x_norm2") == 4);
    assert_true(value_of(values, "activation/attn/mean/x_norm2") == 3);
    assert_true(value_of(values, "activation/attn/mean/cos_x_out") == -5);
    assert_true(value_of(values, "activation/mlp/mean/x_norm2") == 3);
    assert_true(value_of(values, "activation/all/mean/x_norm2") == 3);
    assert_true(value_of(values, "activation/all/mean/cos_x_out") == -2.5);
    assert_int_equal(cJSON_GetArraySize(values), (4 + 2 + 1) * OD_CONNECT_STATS);
    cJSON_Delete(values);
    values = cJSON_CreateObject();
    od_meter_add_stats(values, stats, 0);
    assert_int_equal(cJSON_GetArraySize(values), 0);
    cJSON_Delete(values);
}

// What a pattern adds may be there for some connections only: means are over those.
static void patterns_have_series_of_their_own(void **state) {
    (void)state;
    od_connection_stats stats[] = {
        {.tag = "attn", .extra_count = 1, .extras = {{"pattern/alpha", 0.5}}},
        {.tag = "mlp",
         .block = 1,
         .extra_count = 2,
         .extras = {{"pattern/alpha", -1}, {"pattern/f_ortho_raw_norm2", 8}}},
    };
    cJSON *values = cJSON_CreateObject();
    od_meter_add_stats(values, stats, 2);
    assert_true(value_of(values, "activation/attn/block00/pattern/alpha") == 0.5);
    assert_true(value_of(values, "activation/mlp/block01/pattern/f_ortho_raw_norm2") == 8);
    assert_true(value_of(values, "activation/attn/mean/pattern/alpha") == 0.5);
    assert_true(value_of(values, "activation/mlp/mean/pattern/alpha") == -1);
    assert_true(value_of(values, "activation/all/mean/pattern/alpha") == -0.25);
    assert_true(value_of(values, "activation/all/mean/pattern/f_ortho_raw_norm2") == 8);
    assert_int_equal(cJSON_GetArraySize(values), (2 + 2 + 1) * OD_CONNECT_STATS + 3 + 3 + 2);
    cJSON_Delete(values);
}

static void sums_come_back_to_the_last_bit(void **state) {
    (void)state;
    od_meter meter = {
        .steps = 3, .loss_sum = 0.1 + 0.2 + 1e-17, .accuracy_sum = 0x1.fffffffffffffp-3};
    od_meter again = {.timed_samples = 9};
    cJSON *saved = od_meter_save(&meter);
    char *text = cJSON_PrintUnformatted(saved);
    cJSON *read = cJSON_Parse(text);
    assert_int_equal(od_meter_load(&again, read, NULL), OD_OK);
    assert_int_equal(again.steps, 3);
    assert_memory_equal(&again.loss_sum, &meter.loss_sum, sizeof meter.loss_sum);
    assert_memory_equal(&again.accuracy_sum, &meter.accuracy_sum, sizeof meter.accuracy_sum);
    assert_int_equal(again.timed_samples, 0); // time is not resumed
    cJSON_Delete(read);
    cJSON_Delete(saved);
    free(text);
}

static void what_is_no_saved_meter_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "{\"steps\":1,\"loss_sum\":\"0x1p0\"}",
        "{\"steps\":-1,\"loss_sum\":\"0x1p0\",\"accuracy_sum\":\"0x1p0\"}",
        "{\"steps\":\"1\",\"loss_sum\":\"0x1p0\",\"accuracy_sum\":\"0x1p0\"}",
        "{\"steps\":1,\"loss_sum\":\"\",\"accuracy_sum\":\"0x1p0\"}",
        "{\"steps\":1,\"loss_sum\":\"0x1p0 \",\"accuracy_sum\":\"0x1p0\"}",
        "{\"steps\":1,\"loss_sum\":1,\"accuracy_sum\":\"0x1p0\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        od_meter meter = {.steps = 77};
        cJSON *json = cJSON_Parse(texts[i]);
        assert_int_equal(od_meter_load(&meter, json, NULL), OD_E_CORRUPT);
        assert_int_equal(meter.steps, 77);
        cJSON_Delete(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_is_a_mean_and_empties_the_meter),
        cmocka_unit_test(mixed_steps_have_no_accuracy),
        cmocka_unit_test(what_is_not_finite_is_text),
        cmocka_unit_test(statistics_have_names_and_means),
        cmocka_unit_test(patterns_have_series_of_their_own),
        cmocka_unit_test(sums_come_back_to_the_last_bit),
        cmocka_unit_test(what_is_no_saved_meter_is_refused),
    };
    return cmocka_run_group_tests_name("worker/meter", tests, NULL, NULL);
}
