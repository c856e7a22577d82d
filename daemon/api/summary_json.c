// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/summary_json.h"

#include "daemon/api/api.h"

#include "base/json.h"
#include "base/sign_flip.h"
#include "base/student.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char seed_key[] = "train.seed";
static const double confidence = 0.95;

typedef struct arm {
    cJSON *variant; // without the seed; owned
    char *key;      // its canonical text
} arm;

typedef struct summary {
    const od_summary_job *jobs;
    size_t count;
    double half_width;
    arm *arms;
    size_t arm_count;
    size_t *arm_of; // of each job
    double *values; // scratch for count values
} summary;

static bool add_number(cJSON *object, const char *key, double value) {
    return od_api_add(object, key, cJSON_CreateNumber(value));
}

static bool add_or_null(cJSON *object, const char *key, bool known, double value) {
    return od_api_add(object, key, known ? od_json_number(value) : cJSON_CreateNull());
}

// --- arms -------------------------------------------------------------------------------------

// Finds or makes the arm of a job. false: no memory.
static bool find_arm(summary *of, size_t job) {
    const cJSON *full = of->jobs[job].variant;
    cJSON *variant = full != NULL ? cJSON_Duplicate(full, 1) : cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(variant, seed_key);
    char *key = variant != NULL ? od_json_canonical(variant) : NULL;
    if (key == NULL) {
        cJSON_Delete(variant);
        return false;
    }
    size_t index = 0;
    while (index < of->arm_count && strcmp(of->arms[index].key, key) != 0) {
        index++;
    }
    of->arm_of[job] = index;
    if (index < of->arm_count) {
        cJSON_Delete(variant);
        free(key);
        return true;
    }
    of->arms[of->arm_count++] = (arm){.variant = variant, .key = key};
    return true;
}

static cJSON *point_json(bool known, double value, int64_t step) {
    if (!known) {
        return cJSON_CreateNull();
    }
    cJSON *out = cJSON_CreateObject();
    if (!od_api_add(out, "value", od_json_number(value)) ||
        !add_number(out, "step", (double)step)) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

// Appends what out's lists say of the job.
static bool add_member(cJSON *out, const od_summary_job *job) {
    const struct {
        const char *list;
        cJSON *item;
    } items[] = {
        {"jobs", cJSON_CreateNumber((double)job->id)},
        {"seeds", od_json_number(job->seed)},
        {"values", job->has_value ? od_json_number(job->value) : cJSON_CreateNull()},
        {"last", point_json(job->has_value, job->value, job->step)},
        {"best", point_json(job->has_best, job->best, job->best_step)},
    };
    bool whole = true;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        cJSON *list = cJSON_GetObjectItemCaseSensitive(out, items[i].list);
        whole = od_api_append(list, items[i].item) && whole;
    }
    return whole;
}

static bool add_lists(cJSON *out) {
    static const char *const lists[] = {"jobs", "seeds", "values", "last", "best"};
    bool whole = true;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        whole = cJSON_AddArrayToObject(out, lists[i]) != NULL && whole;
    }
    return whole;
}

static bool add_statistics(cJSON *out, const double *values, size_t count) {
    od_student_summary found = od_student_summarise(values, count);
    return add_or_null(out, "mean", count > 0, found.mean) &&
           add_or_null(out, "std", count > 1, found.std) && add_number(out, "count", (double)count);
}

static cJSON *arm_json(const summary *of, size_t index) {
    cJSON *out = cJSON_CreateObject();
    bool whole =
        od_api_add(out, "variant", cJSON_Duplicate(of->arms[index].variant, 1)) && add_lists(out);
    size_t count = 0;
    for (size_t i = 0; i < of->count && whole; i++) {
        if (of->arm_of[i] == index) {
            whole = add_member(out, &of->jobs[i]);
            of->values[count] = of->jobs[i].value;
            count += of->jobs[i].has_value;
        }
    }
    if (!whole || !add_statistics(out, of->values, count)) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

// --- differences ------------------------------------------------------------------------------

static const od_summary_job *find_partner(const summary *of, size_t index, double seed) {
    for (size_t i = 0; i < of->count; i++) {
        if (of->arm_of[i] == index && of->jobs[i].has_value && of->jobs[i].seed == seed) {
            return &of->jobs[i];
        }
    }
    return NULL;
}

static bool add_pair(cJSON *pairs, const od_summary_job *a, const od_summary_job *b) {
    cJSON *pair = cJSON_CreateObject();
    bool whole = od_api_add(pair, "seed", od_json_number(a->seed)) &&
                 od_api_add(pair, "a", od_json_number(a->value)) &&
                 od_api_add(pair, "b", od_json_number(b->value)) &&
                 od_api_add(pair, "difference", od_json_number(b->value - a->value));
    if (!whole) {
        cJSON_Delete(pair);
        return false;
    }
    return od_api_append(pairs, pair);
}

static bool add_interval(cJSON *out, const double *values, size_t count) {
    double low = 0;
    double high = 0;
    od_student_summary found = od_student_summarise(values, count);
    if (!od_student_interval(&found, confidence, &low, &high)) {
        return cJSON_AddNullToObject(out, "interval") != NULL;
    }
    cJSON *interval = cJSON_AddArrayToObject(out, "interval");
    return od_api_append(interval, od_json_number(low)) &&
           od_api_append(interval, od_json_number(high));
}

static bool add_sign_flip(cJSON *out, const double *values, size_t count) {
    double p = 0;
    bool known = od_sign_flip(values, count, &p);
    return add_or_null(out, "p_value", known, p);
}

static bool add_seeds_needed(cJSON *out, const double *values, size_t count, double half_width) {
    od_student_summary found = od_student_summarise(values, count);
    double wanted = half_width > 0 ? half_width : fabs(found.mean) / 2;
    if (count < 2 || !isfinite(found.std) || !(wanted > 0)) {
        return cJSON_AddNullToObject(out, "seeds_needed") != NULL;
    }
    size_t needed = 0;
    bool known = od_student_count_needed(found.std, wanted, confidence, &needed);
    size_t more = needed > count ? needed - count : 0;
    cJSON *seeds = cJSON_AddObjectToObject(out, "seeds_needed");
    return add_number(seeds, "half_width", wanted) &&
           add_or_null(seeds, "count", known, (double)needed) &&
           add_or_null(seeds, "more", known, (double)more);
}

static cJSON *difference_json(const summary *of, size_t a, size_t b) {
    cJSON *out = cJSON_CreateObject();
    bool whole = od_api_add(out, "a", cJSON_Duplicate(of->arms[a].variant, 1)) &&
                 od_api_add(out, "b", cJSON_Duplicate(of->arms[b].variant, 1));
    cJSON *pairs = cJSON_AddArrayToObject(out, "pairs");
    size_t count = 0;
    for (size_t i = 0; i < of->count && whole; i++) {
        const od_summary_job *first = &of->jobs[i];
        const od_summary_job *second =
            of->arm_of[i] == a && first->has_value ? find_partner(of, b, first->seed) : NULL;
        if (second != NULL) {
            whole = add_pair(pairs, first, second);
            of->values[count++] = second->value - first->value;
        }
    }
    whole = whole && add_statistics(out, of->values, count) &&
            add_number(out, "confidence", confidence) && add_interval(out, of->values, count) &&
            add_sign_flip(out, of->values, count) &&
            add_seeds_needed(out, of->values, count, of->half_width);
    if (!whole) {
        cJSON_Delete(out);
        return NULL;
    }
    return out;
}

// --- all --------------------------------------------------------------------------------------

static bool add_all(cJSON *body, const summary *of) {
    cJSON *arms = cJSON_AddArrayToObject(body, "arms");
    cJSON *differences = cJSON_AddArrayToObject(body, "differences");
    bool whole = arms != NULL && differences != NULL;
    size_t firsts = of->arm_count <= OD_SUMMARY_ALL_PAIRS ? of->arm_count : 1;
    for (size_t a = 0; a < of->arm_count && whole; a++) {
        whole = od_api_append(arms, arm_json(of, a));
        for (size_t b = a + 1; b < of->arm_count && a < firsts && whole; b++) {
            whole = od_api_append(differences, difference_json(of, a, b));
        }
    }
    return whole;
}

bool od_summary_json(cJSON *body, const od_summary_job *jobs, size_t count, double half_width) {
    summary of = {.jobs = jobs, .count = count, .half_width = half_width};
    of.arms = calloc(count + 1, sizeof *of.arms);
    of.arm_of = calloc(count + 1, sizeof *of.arm_of);
    of.values = calloc(count + 1, sizeof *of.values);
    bool whole = of.arms != NULL && of.arm_of != NULL && of.values != NULL;
    for (size_t i = 0; i < count && whole; i++) {
        whole = find_arm(&of, i);
    }
    whole = whole && add_all(body, &of);
    for (size_t i = 0; i < of.arm_count; i++) {
        cJSON_Delete(of.arms[i].variant);
        free(of.arms[i].key);
    }
    free(of.arms);
    free(of.arm_of);
    free(of.values);
    return whole;
}
