// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known name nearest to one that was mistyped.
#ifndef OD_BASE_SUGGEST_H
#define OD_BASE_SUGGEST_H

#include <cjson/cJSON.h>
#include <stddef.h>

// Levenshtein distance in bytes: the fewest insertions, deletions and replacements of one byte
// that turn a into b. Names of more than 64 bytes are SIZE_MAX away from everything.
size_t od_suggest_distance(const char *a, const char *b);

// The key of object that is nearest to name, or NULL when none is near: at most a third of the
// key's bytes (rounded up) may differ, and less than all of name's. Borrowed from object.
const char *od_suggest_key(const cJSON *object, const char *name);

#endif
