// SPDX-License-Identifier: Apache-2.0
// Names of series as people write them: "train/*,val/acc@1".
#ifndef OD_API_GLOB_H
#define OD_API_GLOB_H

#include <stdbool.h>
#include <stddef.h>

// Whether the whole of name matches the pattern of size bytes, in which '*' stands for any run of
// characters ('/' too) and '?' for one. Everything else stands for itself. Takes
// O(strlen(name) * size) steps at most.
bool od_glob_match(const char *pattern, size_t size, const char *name);

// Whether name matches one of the patterns in a list parted by commas.
bool od_glob_match_list(const char *list, const char *name);

// Calls visit for each item of a list parted by commas that is a plain name; stops at the first
// false and returns it.
bool od_glob_each_name(const char *list, bool (*visit)(void *ctx, const char *name, size_t size),
                       void *ctx);

#endif
