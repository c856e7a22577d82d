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

static cJSON *summarise(od_summary_job *jobs, size_t count) {
    cJSON *body = cJSON_CreateObject();
    assert_true(od_summary_json(body, jobs, count));
    for (size_t i = 0; i < count; i++) {
        cJSON_Delete(jobs[i].variant);
    }
    return body;
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
        {1, variant("linear", 0), 0, true, 1},
        {2, variant("orthogonal", 0), 0, true, 2},
        {3, variant("linear", 1), 1, true, 3},
        {4, variant("orthogonal", 1), 1, true, 6},
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

static void test_jobs_without_a_value_yet(void **state) {
    (void)state;
    od_summary_job jobs[] = {
        {1, variant("linear", 0), 0, true, 1},
        {2, variant("orthogonal", 0), 0, false, 0},
        {3, variant("linear", 1), 1, false, 0},
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
        {1, variant("linear", 0), 0, true, (double)NAN},
        {2, variant("linear", 1), 1, true, 1},
    };
    cJSON *body = summarise(jobs, 2);
    assert_text(at(body, "arms", 0, "values"), "[\"NaN\",1]");
    assert_text(at(body, "arms", 0, "mean"), "\"NaN\"");
    cJSON_Delete(body);
}

static void test_many_arms_are_told_against_the_first(void **state) {
    (void)state;
    enum { ARMS = OD_SUMMARY_ALL_PAIRS + 5 };
    od_summary_job jobs[ARMS];
    for (int i = 0; i < ARMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "arm%d", i);
        jobs[i] = (od_summary_job){i + 1, variant(name, 0), 0, true, i};
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
        cmocka_unit_test(test_jobs_without_a_value_yet),
        cmocka_unit_test(test_a_diverged_job_is_not_hidden),
        cmocka_unit_test(test_many_arms_are_told_against_the_first),
        cmocka_unit_test(test_no_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
