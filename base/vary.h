// SPDX-License-Identifier: Apache-2.0
// An experiment is a base spec and some places in it that take several values. Expanding it makes
// one job spec for every combination.
#ifndef OD_BASE_VARY_H
#define OD_BASE_VARY_H

#include "base/schema.h"

#include <cjson/cJSON.h>
#include <stddef.h>

enum { OD_VARY_MAX_JOBS = 1000 };

typedef struct od_vary_job {
    cJSON *spec;    // valid, with all defaults; a spec without a name has the experiment's
    cJSON *variant; // {"residual.connection": "linear", "train.seed": 0}
} od_vary_job;

typedef struct od_vary {
    od_vary_job *items; // the first key of "vary" changes fastest, the last one slowest
    size_t count;
} od_vary;

// experiment has passed schemas/experiment.schema.json. *out becomes all jobs, or {0} when faults
// were added. A fault points to the value that causes it ("/vary/train.seed/0"), to the key that
// names no place in a spec ("/vary/train.sead"), or into "/base". What is wrong in several
// combinations is said once. The status is about the expanding itself (memory).
od_status od_vary_expand(const cJSON *experiment, const od_schema *job_schema, od_vary *out,
                         od_faults *faults) OD_MUST_CHECK;

void od_vary_fini(od_vary *vary);

#endif
