// SPDX-License-Identifier: Apache-2.0
#include "core/backend/backend.h"

#include <string.h>

static const od_backend *const backends[] = {&od_backend_ref, &od_backend_cpu};

const od_backend *od_backend_find(const char *name) {
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            return backends[i];
        }
    }
    return NULL;
}
