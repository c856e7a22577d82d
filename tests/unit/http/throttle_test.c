// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CROWD = 200000 };

static void number(uint8_t key[OD_TOKEN_HASH_BYTES], uint32_t value) {
    memset(key, 0, OD_TOKEN_HASH_BYTES);
    key[0] = (uint8_t)(value >> 8);
    key[1] = (uint8_t)value;
    memcpy(key + 2, &value, sizeof value);
}

static void a_burst_passes_and_then_the_rate(void **state) {
    (void)state;
    uint8_t key[OD_TOKEN_HASH_BYTES];
    int wait = 0;
    od_throttle *throttle = od_throttle_new(0.5, 3);
    number(key, 7);
    for (int i = 0; i < 3; i++) {
        assert_true(od_throttle_take(throttle, key, 1000, &wait));
    }
    assert_false(od_throttle_take(throttle, key, 1000, &wait));
    assert_int_equal(wait, 2);
    assert_false(od_throttle_take(throttle, key, 2999, &wait));
    assert_int_equal(wait, 1);
    assert_true(od_throttle_take(throttle, key, 3000, &wait));
    assert_false(od_throttle_take(throttle, key, 3000, &wait));
    // It never has more than the burst.
    for (int i = 0; i < 3; i++) {
        assert_true(od_throttle_take(throttle, key, 1000000, &wait));
    }
    assert_false(od_throttle_take(throttle, key, 1000000, &wait));
    od_throttle_free(throttle);
}

static void looking_takes_nothing(void **state) {
    (void)state;
    uint8_t key[OD_TOKEN_HASH_BYTES];
    int wait = 0;
    od_throttle *throttle = od_throttle_new(1, 1);
    number(key, 7);
    assert_true(od_throttle_has(throttle, key, 0, &wait));
    assert_true(od_throttle_has(throttle, key, 0, &wait));
    assert_true(od_throttle_take(throttle, key, 0, &wait));
    assert_false(od_throttle_has(throttle, key, 0, &wait));
    assert_int_equal(wait, 1);
    od_throttle_free(throttle);
}

static void keys_have_buckets_of_their_own(void **state) {
    (void)state;
    uint8_t one[OD_TOKEN_HASH_BYTES];
    uint8_t other[OD_TOKEN_HASH_BYTES];
    int wait = 0;
    od_throttle *throttle = od_throttle_new(1, 2);
    number(one, 1);
    number(other, 1);
    other[OD_TOKEN_HASH_BYTES - 1] = 1; // in the same place of the table
    assert_true(od_throttle_take(throttle, one, 0, &wait));
    assert_true(od_throttle_take(throttle, one, 0, &wait));
    assert_false(od_throttle_take(throttle, one, 0, &wait));
    assert_true(od_throttle_take(throttle, other, 0, &wait));
    od_throttle_free(throttle);
}

static void an_empty_bucket_outlives_a_crowd(void **state) {
    (void)state;
    uint8_t key[OD_TOKEN_HASH_BYTES];
    int wait = 0;
    od_throttle *throttle = od_throttle_new(0.001, 2);
    number(key, 0xffffffff);
    assert_true(od_throttle_take(throttle, key, 0, &wait));
    assert_true(od_throttle_take(throttle, key, 0, &wait));
    for (uint32_t i = 0; i < CROWD; i++) {
        uint8_t other[OD_TOKEN_HASH_BYTES];
        number(other, i);
        assert_true(od_throttle_take(throttle, other, 0, &wait));
    }
    assert_false(od_throttle_take(throttle, key, 0, &wait));
    od_throttle_free(throttle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_the_rate),
        cmocka_unit_test(looking_takes_nothing),
        cmocka_unit_test(keys_have_buckets_of_their_own),
        cmocka_unit_test(an_empty_bucket_outlives_a_crowd),
    };
    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
