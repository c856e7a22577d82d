// SPDX-License-Identifier: Apache-2.0
// An experiment is a base spec and some places in it that take several values. Expanding it makes
// one job spec for every combination.
#ifndef OD_BASE_VARY_H
#define OD_BASE_VARY_H

#include "base/schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OD_VARY_MAX_JOBS = 1000, OD_VARY_MAX_KEYS = 8 };

// Which value of each key of "vary" a job has, in the keys' order; OD_VARY_NONE for a key that it
// has no value of.
#define OD_VARY_NONE SIZE_MAX
typedef struct od_vary_choice {
    size_t index[OD_VARY_MAX_KEYS];
} od_vary_choice;

typedef struct od_vary_job {
    // valid, with all defaults (but see od_vary_expand); one without a name has the experiment's
    cJSON *spec;
    cJSON *variant; // {"residual.connection": "linear", "train.seed": 0}
    od_vary_choice choice;
} od_vary_job;

typedef struct od_vary {
    od_vary_job *items; // the first key of "vary" changes fastest, the last one slowest
    size_t count;
} od_vary;

// experiment is an object, and schemas/experiment.schema.json has told its own faults already, which
// are not told again here. A fault points to the value that causes it ("/vary/train.seed/0"), to the
// key that names no place in a spec ("/vary/train.sead"), or into "/base". What is wrong in several
// combinations is said once. The status is about the expanding itself (memory).
// *out becomes all jobs. When faults were added it holds the combinations that were looked at, each
// value in at least one of them, and a faulty spec is as it was sent, without defaults: further
// checks can find more in it. It is {0} where there is no telling what the jobs would be: "base" is
// no object, or "vary" or one of its keys is not usable (no array of values, more than
// OD_VARY_MAX_KEYS, a place that the base has no room for). The rest is checked all the same, but
// for what such a key would have changed.
od_status od_vary_expand(const cJSON *experiment, const od_schema *job_schema, od_vary *out,
                         od_faults *faults) OD_MUST_CHECK;

// Adds a fault that a further check has found in the spec of a job that od_vary_expand has made of
// the experiment, with the pointer that the fault has there.
od_status od_vary_blame(const cJSON *experiment, const od_vary_choice *choice,
                        const od_fault *fault, od_faults *faults) OD_MUST_CHECK;

void od_vary_fini(od_vary *vary);

#endif
