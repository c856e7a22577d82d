// SPDX-License-Identifier: Apache-2.0
// Looking on behind faults: what is left of a document when everything faulty is taken out of it
// can be checked further, so that one answer names the faults of every check.
#ifndef OD_BASE_PRUNE_H
#define OD_BASE_PRUNE_H

#include "base/schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

// Takes out of document what the faults point to: the member of an object; of an array with a
// faulty item the whole array, because the other items would change their places. What is not
// there (a member that is missing) is passed over. false: nothing useful is left, because a fault
// is about the whole document or not all faults are known.
bool od_prune(cJSON *document, const od_faults *faults);

// Whether a fault is about the value at pointer, a part of it, or something that it is a part of.
bool od_faults_touch(const od_faults *faults, const char *pointer);

#endif
