// SPDX-License-Identifier: Apache-2.0
// All that is wrong with job specs, in one list, whoever finds it:
//
//   od_examine_job, od_examine_experiment   the schemas
//   od_examine_run                          the queue [a pool thread], then `ortho-worker plan`
//
// A fault does not hide those of later checks: they look at what is left when the faulty members
// are taken out (base/prune.h), and are silent about whatever has to do with a fault that is known.
// The worker does the same by itself, as it gets faulty specs the way they were sent. Only when
// nothing useful is left, or the list is full, the later checks are left out.
//
// Faults of an experiment's jobs point to the value in "vary" that causes them, or into "base".
#ifndef OD_API_EXAMINE_H
#define OD_API_EXAMINE_H

#include "base/vary.h"
#include "daemon/daemon.h"

// {0} but for daemon at first.
typedef struct od_examination {
    od_daemon *daemon;
    cJSON *specs;            // array; valid ones have all defaults
    cJSON *variants;         // array of the same length, NULL for a job of its own
    od_vary_choice *choices; // od_vary_job.choice of each, NULL for a job of its own
    cJSON *experiment;       // what was sent, with all defaults where it is valid; NULL: a job
    od_faults faults;        // "of" specs
} od_examination;

// Each of these takes its second argument in every case. The status is about memory.
od_status od_examine_job(od_examination *examination, cJSON *spec_take) OD_MUST_CHECK;
od_status od_examine_experiment(od_examination *examination, cJSON *experiment_take) OD_MUST_CHECK;

// With faults, answers is NULL; without, the planner's answers (daemon/exec/planner.h), borrowed.
// A status other than OD_OK is a fault of this server.
typedef void (*od_examine_done)(void *ctx, od_status status, const od_error *error,
                                const cJSON *answers);

// done runs exactly once, now or later on the loop; the examination must live until then.
void od_examine_run(od_examination *examination, od_examine_done done, void *ctx);

// Adds a fault of spec number index, unless it is there already.
od_status od_examine_add(od_examination *examination, size_t index,
                         const od_fault *fault) OD_MUST_CHECK;

void od_examine_fini(od_examination *examination);

#endif
