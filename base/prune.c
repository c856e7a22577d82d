// SPDX-License-Identifier: Apache-2.0
#include "base/prune.h"

#include "base/json.h"

#include <string.h>

// Copies the first token of a pointer ("/a~1b/c" has "a/b") without its escapes. Returns what is
// behind it, or NULL when the token is longer than any key that a schema knows.
static const char *next_token(const char *pointer, char *out, size_t out_bytes) {
    size_t size = 0;
    for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
        if (size + 1 >= out_bytes) {
            return NULL;
        }
        char c = *pointer;
        if (c == '~' && (pointer[1] == '0' || pointer[1] == '1')) {
            c = *++pointer == '0' ? '~' : '/';
        }
        out[size++] = c;
    }
    out[size] = '\0';
    return pointer;
}

static bool prune_one(cJSON *object, const char *pointer) {
    char name[4096];
    while (*pointer != '\0') {
        pointer = next_token(pointer, name, sizeof name);
        if (pointer == NULL) {
            return false;
        }
        cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
        if (member == NULL) {
            return true;
        }
        if (*pointer == '\0' || !cJSON_IsObject(member)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
            return true;
        }
        object = member;
    }
    return false;
}

bool od_prune(cJSON *document, const od_faults *faults) {
    bool left = cJSON_IsObject(document);
    for (size_t i = 0; i < faults->count && left; i++) {
        left = prune_one(document, faults->items[i].pointer);
    }
    return left;
}

// outer is inner or above it.
static bool holds(const char *outer, const char *inner) {
    size_t length = strlen(outer);
    return strncmp(outer, inner, length) == 0 && (inner[length] == '\0' || inner[length] == '/');
}

bool od_faults_touch(const od_faults *faults, const char *pointer) {
    for (size_t i = 0; i < faults->count; i++) {
        if (holds(faults->items[i].pointer, pointer) || holds(pointer, faults->items[i].pointer)) {
            return true;
        }
    }
    return false;
}
