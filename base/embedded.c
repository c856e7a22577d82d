// SPDX-License-Identifier: Apache-2.0
#include "base/embedded.h"

#include <string.h>

const od_embedded_file *od_embedded_find(const od_embedded_file *table, const char *name) {
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}
