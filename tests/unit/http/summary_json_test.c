// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/summary_json.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cJSON *variant(const char *connection, double seed) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "residual.connection", connection);
    cJSON_AddNumberToObject(out, "train.seed", seed);
    return out;
}

static cJSON *summarise_for(double half_width, od_summary_job *jobs, size_t count) {
    cJSON *body = cJSON_CreateObject();
    assert_true(od_summary_json(body, jobs, count, half_width));
    for (size_t i = 0; i < count; i++) {
        cJSON_Delete(jobs[i].variant);
    }
    return body;
}

static cJSON *summarise(od_summary_job *jobs, size_t count) {
    return summarise_for(0, jobs, count);
}

// A job whose best point is the one before its last.
static od_summary_job with_value(int64_t id, const char *connection, double seed, double value) {
    return (od_summary_job){.id = id,
                            .variant = variant(connection, seed),
                            .seed = seed,
                            .has_value = true,
                            .value = value,
                            .step = 20,
                            .has_best = true,
                            .best = value + 1,
                            .best_step = 10};
}

static od_summary_job without_value(int64_t id, const char *connection, double seed) {
    return (od_summary_job){.id = id, .variant = variant(connection, seed), .seed = seed};
}

static const cJSON *at(const cJSON *body, const char *list, int index, const char *key) {
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(body, list), index);
    assert_non_null(item);
    return cJSON_GetObjectItemCaseSensitive(item, key);
}

static void assert_text(const cJSON *value, const char *expected) {
    char *text = od_json_canonical(value);
    assert_string_equal(text, expected);
    free(text);
}

// Values and results by hand: linear 1, 3 has mean 2 and std sqrt(2); orthogonal 2, 6 has mean 4;
// the differences 1, 3 have mean 2, std sqrt(2) and the interval 2 -+ 12.7062 * sqrt(2)/sqrt(2).
static void test_arms_and_differences(void **state) {
    (void)state;
    od_summary_job jobs[] = {
        with_value(1, "linear", 0, 1),
        with_value(2, "orthogonal", 0, 2),
        with_value(3, "linear", 1, 3),
        with_value(4, "orthogonal", 1, 6),
    };
    cJSON *body = summarise(jobs, 4);
    assert_text(at(body, "arms", 0, "variant"), "{\"residual.connection\":\"linear\"}");
    assert_text(at(body, "arms", 0, "jobs"), "[1,3]");
    assert_text(at(body, "arms", 0, "seeds"), "[0,1]");
    assert_text(at(body, "arms", 1, "values"), "[2,6]");
    assert_float_equal((float)at(body, "arms", 0, "mean")->valuedouble, 2, 1e-5F);
    assert_float_equal((float)at(body, "arms", 0, "std")->valuedouble, 1.41421356F, 1e-5F);
    assert_int_equal(at(body, "arms", 0, "count")->valueint, 2);
    assert_text(at(body, "differences", 0, "a"), "{\"residual.connection\":\"linear\"}");
    assert_text(at(body, "differences", 0, "b"), "{\"residual.connection\":\"orthogonal\"}");
    assert_text(at(body, "differences", 0, "pairs"),
                "[{\"a\":1,\"b\":2,\"difference\":1,\"seed\":0},"
                "{\"a\":3,\"b\":6,\"difference\":3,\"seed\":1}]");
    const cJSON *interval = at(body, "differences", 0, "interval");
    assert_float_equal((float)cJSON_GetArrayItem(interval, 0)->valuedouble, -10.7062047F, 1e-5F);
    assert_float_equal((float)cJSON_GetArrayItem(interval, 1)->valuedouble, 14.7062047F, 1e-5F);
    cJSON_Delete(body);
}

static void test_best_and_last_points(void **state) {
    (void)state;
    od_summary_job jobs[] = {
        with_value(1, "linear", 0, 1),
        without_value(2, "linear", 1),
        with_value(3, "linear", 2, 3),
    };
    jobs[2].has_best = false; // every point was NaN
    cJSON *body = summarise(jobs, 3);
    assert_text(at(body, "arms", 0, "last"),
                "[{\"step\":20,\"value\":1},null,{\"step\":20,\"value\":3}]");
    assert_text(at(body, "arms", 0, "best"), "[{\"step\":10,\"value\":2},null,null]");
    cJSON_Delete(body);
}

// Of the sums -+1 -+3 those of size 4 are two of four. The deviation is sqrt(2); half of the mean
// difference is 1, and t(0.975, n - 1) sqrt(2 / n) <= 1 first for n = 11 (t = 2.228; for n = 10 it
// is 2.262 > sqrt(5)). For 3 it is n = 4: 3.182 sqrt(2 / 4) = 2.25, against 4.303 sqrt(2 / 3).
static void test_chance_and_seeds_needed(void **state) {
    (void)state;
    static const struct {
        double half_width;
        const char *expected;
    } cases[] = {
        {0, "{\"count\":11,\"half_width\":1,\"more\":9}"},
        {3, "{\"count\":4,\"half_width\":3,\"more\":2}"},
        {50, "{\"count\":2,\"half_width\":50,\"more\":0}"},
        {0.001, "{\"count\":null,\"half_width\":0.001,\"more\":null}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        od_summary_job jobs[] = {
            with_value(1, "linear", 0, 1),
            with_value(2, "orthogonal", 0, 2),
            with_value(3, "linear", 1, 3),
            with_value(4, "orthogonal", 1, 6),
        };
        cJSON *body = summarise_for(cases[i].half_width, jobs, 4);
        assert_text(at(body, "differences", 0, "p_value"), "0.5");
        assert_text(at(body, "differences", 0, "seeds_needed"), cases[i].expected);
        cJSON_Delete(body);
    }
}

static void test_what_too_few_pairs_cannot_say(void **state) {
    (void)state;
    od_summary_job one[] = {with_value(1, "linear", 0, 1), with_value(2, "orthogonal", 0, 2)};
    cJSON *body = summarise_for(1, one, 2);
    assert_text(at(body, "differences", 0, "p_value"), "1");
    assert_text(at(body, "differences", 0, "seeds_needed"), "null");
    cJSON_Delete(body);
    od_summary_job none[] = {with_value(1, "linear", 0, 1), with_value(2, "orthogonal", 1, 2)};
    body = summarise_for(1, none, 2);
    assert_text(at(body, "differences", 0, "p_value"), "null");
    assert_text(at(body, "differences", 0, "seeds_needed"), "null");
    cJSON_Delete(body);
    // Equal arms: no mean difference that a half-width could be taken from.
    od_summary_job equal[] = {
        with_value(1, "linear", 0, 1),
        with_value(2, "orthogonal", 0, 2),
        with_value(3, "linear", 1, 2),
        with_value(4, "orthogonal", 1, 1),
    };
    body = summarise(equal, 4);
    assert_text(at(body, "differences", 0, "p_value"), "1");
    assert_text(at(body, "differences", 0, "seeds_needed"), "null");
    cJSON_Delete(body);
}

static void test_jobs_without_a_value_yet(void **state) {
    (void)state;
    od_summary_job jobs[] = {
        with_value(1, "linear", 0, 1),
        without_value(2, "orthogonal", 0),
        without_value(3, "linear", 1),
    };
    cJSON *body = summarise(jobs, 3);
    assert_text(at(body, "arms", 0, "values"), "[1,null]");
    assert_int_equal(at(body, "arms", 0, "count")->valueint, 1);
    assert_true(cJSON_IsNull(at(body, "arms", 0, "std")));
    assert_true(cJSON_IsNull(at(body, "arms", 1, "mean")));
    assert_text(at(body, "differences", 0, "pairs"), "[]");
    assert_true(cJSON_IsNull(at(body, "differences", 0, "mean")));
    assert_true(cJSON_IsNull(at(body, "differences", 0, "interval")));
    cJSON_Delete(body);
}

static void test_a_diverged_job_is_not_hidden(void **state) {
    (void)state;
    od_summary_job jobs[] = {
        with_value(1, "linear", 0, (double)NAN),
        with_value(2, "linear", 1, 1),
    };
    cJSON *body = summarise(jobs, 2);
    assert_text(at(body, "arms", 0, "values"), "[\"NaN\",1]");
    assert_text(at(body, "arms", 0, "mean"), "\"NaN\"");
    cJSON_Delete(body);
    od_summary_job pairs[] = {
        with_value(1, "linear", 0, (double)NAN),
        with_value(2, "orthogonal", 0, 2),
        with_value(3, "linear", 1, 3),
        with_value(4, "orthogonal", 1, 6),
    };
    body = summarise_for(1, pairs, 4);
    assert_text(at(body, "differences", 0, "p_value"), "null");
    assert_text(at(body, "differences", 0, "seeds_needed"), "null");
    cJSON_Delete(body);
}

static void test_many_arms_are_told_against_the_first(void **state) {
    (void)state;
    enum { ARMS = OD_SUMMARY_ALL_PAIRS + 5 };
    od_summary_job jobs[ARMS];
    for (int i = 0; i < ARMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "arm%d", i);
        jobs[i] = with_value(i + 1, name, 0, i);
    }
    cJSON *body = summarise(jobs, ARMS);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(body, "differences")), ARMS - 1);
    cJSON_Delete(body);
}

static void test_no_jobs(void **state) {
    (void)state;
    cJSON *body = summarise(NULL, 0);
    assert_text(body, "{\"arms\":[],\"differences\":[]}");
    cJSON_Delete(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arms_and_differences),
        cmocka_unit_test(test_best_and_last_points),
        cmocka_unit_test(test_chance_and_seeds_needed),
        cmocka_unit_test(test_what_too_few_pairs_cannot_say),
        cmocka_unit_test(test_jobs_without_a_value_yet),
        cmocka_unit_test(test_a_diverged_job_is_not_hidden),
        cmocka_unit_test(test_many_arms_are_told_against_the_first),
        cmocka_unit_test(test_no_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
