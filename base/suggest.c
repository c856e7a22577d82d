// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <stdint.h>
#include <string.h>

enum { MAX_BYTES = 64 };

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

// One row of the table of distances between the beginnings of a and b at a time.
size_t od_suggest_distance(const char *a, const char *b) {
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > MAX_BYTES || b_size > MAX_BYTES) {
        return SIZE_MAX;
    }
    size_t row[MAX_BYTES + 1];
    for (size_t k = 0; k <= b_size; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_size; k++) {
            size_t replaced = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            row[k] = smallest(row[k] + 1, row[k - 1] + 1, replaced);
        }
    }
    return row[b_size];
}

const char *od_suggest_key(const cJSON *object, const char *name) {
    const char *nearest = NULL;
    size_t least = strlen(name);
    const cJSON *child;
    cJSON_ArrayForEach(child, object) {
        size_t distance = od_suggest_distance(child->string, name);
        if (distance < least && distance <= (strlen(child->string) + 2) / 3) {
            nearest = child->string;
            least = distance;
        }
    }
    return nearest;
}
