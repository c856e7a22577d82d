// SPDX-License-Identifier: Apache-2.0
// A job as the worker sees it: the spec from a file, checked against the schema, the trainer's rules
// and this machine, and what running it takes.
#ifndef OD_WORKER_JOB_H
#define OD_WORKER_JOB_H

#include "base/schema.h"
#include "core/spec.h"
#include "core/train/trainer.h"

#include <stdint.h>

typedef struct od_job {
    cJSON *json; // with all defaults; owned
    od_spec spec;
    od_trainer_plan plan;
    int64_t train_count, eval_count; // samples after limits
    int64_t data_bytes;              // of both splits in memory
    int64_t memory_bytes;            // plan.total_bytes and data_bytes
} od_job;

// Half of the cores that this process may use, at least one.
int od_job_default_threads(void);

// The bytes of path ("-": standard input) as JSON. OD_E_SYNTAX with line and column.
od_status od_job_read_file(const char *path, cJSON **out, od_error *error) OD_MUST_CHECK;

// Consumes json in every case. The status is about the checking itself; what is wrong with the spec
// is in faults, and *out is complete when there are none. Of data files it reads headers, sizes and labels, no more.
od_status od_job_init(od_job *out, cJSON *json, int default_threads, od_faults *faults,
                      od_error *error) OD_MUST_CHECK;
// The same for the spec in path: JSON ("-": standard input), or by its suffix a recipe
// (base/recipe.h), whose faults have keys for pointers and whose warnings are logged.
od_status od_job_load(od_job *out, const char *path, int default_threads, od_faults *faults,
                      od_error *error) OD_MUST_CHECK;
void od_job_fini(od_job *job); // {0} is fine

// Adds what is wrong with init_from, as far as the header of its file tells. Only a run that has no
// checkpoint yet needs it.
od_status od_job_check_start(const od_job *job, od_faults *faults) OD_MUST_CHECK;

// The spec alone, with all defaults: no data, no plan. Consumes json.
od_status od_job_read_spec(cJSON *json, int default_threads, od_spec *out, od_faults *faults,
                           od_error *error) OD_MUST_CHECK;

#endif
