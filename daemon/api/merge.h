// SPDX-License-Identifier: Apache-2.0
// JSON merge patch (RFC 7396).
#ifndef OD_API_MERGE_H
#define OD_API_MERGE_H

#include <cjson/cJSON.h>

// target with patch applied: objects are merged key by key, null removes a key, everything else
// replaces. Takes target (NULL: nothing there yet) in every case; the result is the caller's.
// NULL: no memory.
cJSON *od_merge_patch(cJSON *target_take, const cJSON *patch);

#endif
