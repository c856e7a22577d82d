// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/merge.h"

#include "daemon/api/api.h"

cJSON *od_merge_patch(cJSON *target_take, const cJSON *patch) {
    if (!cJSON_IsObject(patch)) {
        cJSON_Delete(target_take);
        return cJSON_Duplicate(patch, 1);
    }
    cJSON *target = target_take;
    if (!cJSON_IsObject(target)) {
        cJSON_Delete(target);
        target = cJSON_CreateObject();
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, patch) {
        cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(target, item->string);
        if (cJSON_IsNull(item)) {
            cJSON_Delete(old);
        } else if (!od_api_add(target, item->string, od_merge_patch(old, item))) {
            cJSON_Delete(target);
            return NULL;
        }
    }
    return target;
}
