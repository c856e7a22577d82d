// SPDX-License-Identifier: Apache-2.0
// What the kernel has counted of processes that it killed for lack of memory. The counts say that
// there were kills, not whom they hit: a worker that was killed by somebody else than us while one
// of them grew has died of it in all likelihood, and that is how it is told.
#ifndef OD_DAEMON_EXEC_OOM_H
#define OD_DAEMON_EXEC_OOM_H

#include <stdint.h>

typedef struct od_oom_counts {
    int64_t group;   // in this process's control group and those below, where its workers live
    int64_t machine; // on the whole machine
} od_oom_counts;

// -1 where there is no such count. root is put in front of /proc and /sys: "" but in tests.
od_oom_counts od_oom_read(const char *root);

typedef enum od_oom_evidence { OD_OOM_NONE, OD_OOM_MACHINE, OD_OOM_GROUP } od_oom_evidence;

od_oom_evidence od_oom_compare(const od_oom_counts *before, const od_oom_counts *after);

#endif
