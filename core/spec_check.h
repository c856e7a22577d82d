// SPDX-License-Identifier: Apache-2.0
// What a spec that has passed the schema can still have wrong. Each check adds its faults with
// their pointers and looks at nothing that another one has found wrong.
#ifndef OD_CORE_SPEC_CHECK_H
#define OD_CORE_SPEC_CHECK_H

#include "core/spec.h"

// Features that this version lacks, read from json; then what does not fit together in *spec.
// faults may hold some already, of a spec that the schema found faulty and that was pruned and
// defaulted since (base/prune.h): whatever has to do with those is passed over.
od_status od_spec_check(const cJSON *json, const od_spec *spec, od_faults *faults) OD_MUST_CHECK;

#endif
