// SPDX-License-Identifier: Apache-2.0
// What an experiment says: means of arms and paired differences between them.
#ifndef OD_API_SUMMARY_JSON_H
#define OD_API_SUMMARY_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// With more arms than this, differences are told against the first arm only.
enum { OD_SUMMARY_ALL_PAIRS = 20 };

typedef struct od_summary_job {
    int64_t id;
    cJSON *variant; // borrowed; may be NULL
    double seed;
    bool has_value;
    double value; // the last point of the series
    int64_t step; // of it
    bool has_best;
    double best; // the best point that is a number
    int64_t best_step;
} od_summary_job;

// Adds "arms" and "differences" as docs/api.md has them to body. An arm is what jobs have in
// common but for train.seed; arms are in the order of their first jobs. A difference is b - a of
// the jobs with the same seed that both have a value. half_width is what "seeds_needed" is for; 0:
// half of each difference's own mean. false: no memory.
bool od_summary_json(cJSON *body, const od_summary_job *jobs, size_t count, double half_width);

#endif
