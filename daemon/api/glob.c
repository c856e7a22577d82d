// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/glob.h"

#include <string.h>

bool od_glob_match(const char *pattern, size_t size, const char *name) {
    size_t at = 0;
    size_t star = size; // index behind the last '*', size while there was none
    bool starred = false;
    const char *retry = NULL; // where that '*' ends if it takes one character more
    while (*name != '\0') {
        if (at < size && pattern[at] == '*') {
            starred = true;
            star = ++at;
            retry = name;
        } else if (at < size && (pattern[at] == '?' || pattern[at] == *name)) {
            at++;
            name++;
        } else if (starred) {
            at = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (at < size && pattern[at] == '*') {
        at++;
    }
    return at == size;
}

bool od_glob_match_list(const char *list, const char *name) {
    for (;;) {
        size_t size = strcspn(list, ",");
        if (size > 0 && od_glob_match(list, size, name)) {
            return true;
        }
        if (list[size] == '\0') {
            return false;
        }
        list += size + 1;
    }
}

bool od_glob_each_name(const char *list, bool (*visit)(void *ctx, const char *name, size_t size),
                       void *ctx) {
    for (;;) {
        size_t size = strcspn(list, ",");
        bool plain = size > 0 && strcspn(list, "*?") >= size;
        if (plain && !visit(ctx, list, size)) {
            return false;
        }
        if (list[size] == '\0') {
            return true;
        }
        list += size + 1;
    }
}
