// SPDX-License-Identifier: Apache-2.0
// worker/state.c: what is written is read again, and nothing else is believed.
#include "worker/state.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static const char MODEL_CRC[] = "d79572d9"; // zlib.crc32(b"model")

static const od_state example = {
    .step = 468,
    .epoch = 1,
    .spec = "0123abcd",
    .backend = "cpu",
    .threads = 2,
    .has_interval = true,
    .meter = {.steps = 3, .loss_sum = 1.0 / 3, .accuracy_sum = 0.1},
    .accuracy = -1,
};

static void what_is_written_is_read(void **state) {
    od_state in = example, out;
    scratch_write(*state, "model.safetensors", "model", 5);
    scratch_write(*state, "optimizer.safetensors", "", 0);
    for (int best = 0; best < 2; best++) {
        in.has_interval = best == 0;
        in.accuracy = best == 0 ? -1 : 1.0 / 3;
        assert_int_equal(od_state_sum(&in, *state, OD_STATE_MODEL, NULL), OD_OK);
        assert_int_equal(od_state_sum(&in, *state, OD_STATE_OPTIMIZER, NULL), OD_OK);
        assert_int_equal(od_state_write(*state, &in, NULL), OD_OK);
        assert_int_equal(od_state_read(*state, &out, NULL), OD_OK);
        assert_int_equal(out.step, in.step);
        assert_int_equal(out.epoch, in.epoch);
        assert_int_equal(out.threads, in.threads);
        assert_string_equal(out.spec, in.spec);
        assert_string_equal(out.backend, in.backend);
        assert_int_equal(out.has_interval, in.has_interval);
        assert_true(out.accuracy == in.accuracy);
        assert_true(best == 1 || out.meter.loss_sum == in.meter.loss_sum);
        assert_int_equal(out.files[OD_STATE_MODEL].bytes, 5);
        assert_string_equal(out.files[OD_STATE_MODEL].crc32, MODEL_CRC);
        assert_string_equal(out.files[OD_STATE_OPTIMIZER].crc32, "00000000");
        assert_int_equal(od_state_check(&out, *state, OD_STATE_MODEL, NULL), OD_OK);
        assert_int_equal(od_state_check(&out, *state, OD_STATE_OPTIMIZER, NULL), OD_OK);
    }
}

static void another_file_is_noticed(void **state) {
    od_state in = example;
    od_error error = {0};
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "model.safetensors", "model", 5);
    assert_int_equal(od_state_sum(&in, *state, OD_STATE_MODEL, NULL), OD_OK);
    assert_int_equal(od_state_check(&in, *state, OD_STATE_OPTIMIZER, &error), OD_E_CORRUPT);
    scratch_write(*state, "model.safetensors", "modem", 5);
    assert_int_equal(od_state_check(&in, *state, OD_STATE_MODEL, &error), OD_E_CORRUPT);
    scratch_write(*state, "model.safetensors", "models", 6);
    assert_int_equal(od_state_check(&in, *state, OD_STATE_MODEL, &error), OD_E_CORRUPT);
    assert_non_null(strstr(error.text, "has 6 bytes"));
    assert_int_equal(unlink(scratch_path(path, *state, "model.safetensors")), 0);
    assert_int_equal(od_state_check(&in, *state, OD_STATE_MODEL, &error), OD_E_NOT_FOUND);
    assert_int_equal(od_state_read(*state, &in, &error), OD_E_NOT_FOUND);
}

#define GOOD \
    "\"v\":1,\"step\":1,\"epoch\":0,\"spec\":\"00000000\",\"backend\":\"cpu\",\"threads\":1"

static void other_bytes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *part; // part NULL: it is fine
    } cases[] = {
        {"{" GOOD ",\"files\":{}}", NULL},
        {"{" GOOD "}", NULL},
        {"", "line 1"},
        {"[1]", "\"v\""},
        {"7", "\"v\""},
        {"{\"v\":1.5}", "\"v\""},
        {"{\"v\":1,\"step\":-1}", "\"step\""},
        {"{\"v\":1,\"step\":1e300}", "\"step\""},
        {"{\"v\":1,\"step\":1,\"epoch\":\"0\"}", "\"epoch\""},
        {"{\"v\":1,\"step\":1,\"epoch\":0,\"spec\":\"123456789\"}", "\"spec\""},
        {"{\"v\":1,\"step\":1,\"epoch\":0,\"spec\":\"\",\"backend\":\"0123456789abcdef\"}",
         "\"backend\""},
        {"{\"v\":1,\"step\":1,\"epoch\":0,\"spec\":\"\",\"backend\":\"\",\"threads\":4294967296}",
         "\"threads\""},
        {"{" GOOD ",\"interval\":7}", "interval"},
        {"{" GOOD ",\"accuracy\":1.5}", "\"accuracy\""},
        {"{" GOOD ",\"accuracy\":null}", "\"accuracy\""},
        {"{" GOOD ",\"files\":{\"model.safetensors\":7}}", "\"model.safetensors\""},
        {"{" GOOD ",\"files\":{\"model.safetensors\":{\"bytes\":1,\"crc32\":\"123456789\"}}}",
         "\"model.safetensors\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        od_state out;
        od_error error = {0};
        od_status status = od_state_parse(cases[i].text, strlen(cases[i].text), &out, &error);
        if ((cases[i].part == NULL) != (status == OD_OK) ||
            (cases[i].part != NULL && strstr(error.text, cases[i].part) == NULL)) {
            fail_msg("%s: %d \"%s\"", cases[i].text, status, error.text);
        }
    }
}

static void a_specs_sum_does_not_see_the_order_of_keys(void **state) {
    (void)state;
    char sums[3][OD_STATE_SUM_BYTES];
    static const char *const texts[] = {"{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
                                        "{\"b\":{\"d\":3,\"c\":2},\"a\":1}",
                                        "{\"a\":1,\"b\":{\"c\":2,\"d\":4}}"};
    for (int i = 0; i < 3; i++) {
        cJSON *spec = cJSON_Parse(texts[i]);
        assert_int_equal(od_state_sum_spec(spec, sums[i], NULL), OD_OK);
        cJSON_Delete(spec);
    }
    assert_string_equal(sums[0], sums[1]);
    assert_string_not_equal(sums[0], sums[2]);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(what_is_written_is_read),
        IN_SCRATCH(another_file_is_noticed),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(a_specs_sum_does_not_see_the_order_of_keys),
    };
    return cmocka_run_group_tests_name("worker/state", tests, NULL, NULL);
}
