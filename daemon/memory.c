// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory.h"

#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t RESERVE_MAX_BYTES = (int64_t)4 << 30;

// The number that stands behind prefix at the start of a line; 0: there is none ("max", too).
static int64_t number_in(const char *path, const char *prefix) {
    char line[PATH_MAX];
    int64_t value = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            value = strtoll(line + strlen(prefix), NULL, 10);
            break;
        }
    }
    fclose(file);
    return value > 0 ? value : 0;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

// The least limit on the way from group up to the mount point.
static int64_t group_limit(const char *mount, char *group, const char *leaf) {
    char path[PATH_MAX];
    int64_t least = 0;
    for (char *at = group;; at = dirname(at)) {
        if (snprintf(path, sizeof path, "%s%s/%s", mount, at, leaf) < (int)sizeof path) {
            least = smaller(least, number_in(path, ""));
        }
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0) {
            return least;
        }
    }
}

// "0::/system.slice/orthod.service" of version 2, "4:memory:/group" of version 1.
static int64_t line_limit(const char *root, char *line) {
    char mount[PATH_MAX];
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL) {
        return 0;
    }
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    bool second = controllers[1] == '\0';
    if (!second && strcmp(controllers + 1, "memory") != 0) {
        return 0;
    }
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, second ? "" : "/memory");
    return group_limit(mount, group, second ? "memory.max" : "memory.limit_in_bytes");
}

static int64_t groups_limit(const char *root) {
    char path[PATH_MAX];
    char line[PATH_MAX];
    int64_t least = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        least = smaller(least, line_limit(root, line));
    }
    if (file != NULL) {
        fclose(file);
    }
    return least;
}

int64_t od_memory_total_bytes(const char *root) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    return smaller(number_in(path, "MemTotal:") * 1024, groups_limit(root));
}

int64_t od_memory_for_runs_bytes(int64_t total_bytes) {
    int64_t reserve = total_bytes / 8;
    return total_bytes - (reserve < RESERVE_MAX_BYTES ? reserve : RESERVE_MAX_BYTES);
}
