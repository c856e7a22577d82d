// SPDX-License-Identifier: Apache-2.0
// The events of docs/run-directory.md, one function a type. All append at once.
#ifndef OD_WORKER_EVENTS_H
#define OD_WORKER_EVENTS_H

#include "base/log.h"
#include "worker/job.h"
#include "worker/rundir.h"

typedef struct od_start_facts {
    int64_t step; // the one this attempt starts from
    const char *backend, *blas;
} od_start_facts;

od_status od_events_start(const od_rundir *rundir, const od_job *job, const od_start_facts *facts,
                          od_error *error) OD_MUST_CHECK;

// values is an object of numbers (od_json_number); consumed in every case.
od_status od_events_metrics(const od_rundir *rundir, int64_t step, int64_t epoch, cJSON *values,
                            od_error *error) OD_MUST_CHECK;

typedef struct od_progress {
    int64_t step, steps, epoch;
    double samples_per_sec, eta_s; // negative: not known yet, written as null
} od_progress;

od_status od_events_progress(const od_rundir *rundir, const od_progress *progress,
                             od_error *error) OD_MUST_CHECK;
od_status od_events_checkpoint(const od_rundir *rundir, int64_t step, const char *name,
                               od_error *error) OD_MUST_CHECK;

// What of an epoch has been trained on up to step.
od_status od_events_data(const od_rundir *rundir, int64_t step, const od_loader_report *report,
                         od_error *error) OD_MUST_CHECK;

// On stderr, too.
od_status od_events_log(const od_rundir *rundir, od_log_level level, const char *message,
                        od_error *error) OD_MUST_CHECK;

// outcome: "succeeded", "failed" or "stopped"; reason NULL when succeeded.
od_status od_events_end(const od_rundir *rundir, int64_t step, const char *outcome,
                        const char *reason, od_error *error) OD_MUST_CHECK;

#endif
