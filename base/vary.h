// SPDX-License-Identifier: Apache-2.0
// An experiment is a base spec and some places in it that take several values. Expanding it makes
// one job spec for every combination.
#ifndef OD_BASE_VARY_H
#define OD_BASE_VARY_H

#include "base/schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum { OD_VARY_MAX_JOBS = 1000, OD_VARY_MAX_KEYS = 8 };

typedef struct od_vary_job {
    cJSON *
        spec; // valid, with all defaults (but see od_vary_expand); a spec without a name has the experiment's
    cJSON *variant; // {"residual.connection": "linear", "train.seed": 0}
    size_t combination;
} od_vary_job;

typedef struct od_vary {
    od_vary_job *items; // the first key of "vary" changes fastest, the last one slowest
    size_t count;
} od_vary;

// experiment has passed schemas/experiment.schema.json, but for equal values of a key and for
// members beside "base" and "vary" (od_vary_can_expand). A fault points to the value that causes it
// ("/vary/train.seed/0"), to the key that names no place in a spec ("/vary/train.sead"), or into
// "/base". What is wrong in several combinations is said once. The status is about the expanding
// itself (memory).
// *out becomes all jobs. When faults were added it holds the combinations that were looked at, each
// value in at least one of them, and a faulty spec is as it was sent, without defaults: further
// checks can find more in it. {0} where "vary" itself makes no sense.
od_status od_vary_expand(const cJSON *experiment, const od_schema *job_schema, od_vary *out,
                         od_faults *faults) OD_MUST_CHECK;

// Whether an experiment that its schema finds faulty can be expanded all the same.
bool od_vary_can_expand(const cJSON *experiment);

// Adds a fault that a further check has found in the spec of a combination, with the pointer that
// it has in the experiment, unless it is there already.
od_status od_vary_blame(const cJSON *experiment, size_t combination, const od_fault *fault,
                        od_faults *faults) OD_MUST_CHECK;

void od_vary_fini(od_vary *vary);

#endif
