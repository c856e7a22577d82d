// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/oom.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The number behind "oom_kill " at the start of a line; -1: there is none.
static int64_t read_count(const char *path) {
    char line[256];
    int64_t count = -1;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "oom_kill ", 9) == 0) {
            count = strtoll(line + 9, NULL, 10);
            break;
        }
    }
    fclose(file);
    return count;
}

// Lines are "0::/group" for version 2 of control groups, "4:memory:/group" for version 1.
static int64_t read_group(const char *root) {
    char path[PATH_MAX];
    char line[PATH_MAX];
    char group[PATH_MAX];
    int64_t count = -1;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && count < 0 && fgets(line, sizeof line, file) != NULL) {
        const char *leaf = "memory.events";
        const char *mount = "";
        const char *at = strstr(line, "::/");
        if (at == NULL && (at = strstr(line, ":memory:/")) != NULL) {
            at += strlen(":memory") - 1; // so that the group begins two bytes on, as above
            leaf = "memory.oom_control";
            mount = "/memory";
        }
        if (at == NULL) {
            continue;
        }
        snprintf(group, sizeof group, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
        if (snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%s/%s", root, mount, group, leaf) <
            (int)sizeof path) {
            count = read_count(path);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

od_oom_counts od_oom_read(const char *root) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/vmstat", root);
    return (od_oom_counts){.group = read_group(root), .machine = read_count(path)};
}

od_oom_evidence od_oom_compare(const od_oom_counts *before, const od_oom_counts *after) {
    if (before->group >= 0 && after->group > before->group) {
        return OD_OOM_GROUP;
    }
    return before->machine >= 0 && after->machine > before->machine ? OD_OOM_MACHINE : OD_OOM_NONE;
}
