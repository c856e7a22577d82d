// SPDX-License-Identifier: Apache-2.0
// How much memory this machine, or the control group that the daemon lives in, has for runs.
#ifndef OD_DAEMON_MEMORY_H
#define OD_DAEMON_MEMORY_H

#include <stdint.h>

// The smaller of MemTotal and the limits of the control group and those above it. 0: not known.
// root is put in front of /proc and /sys: "" but in tests.
int64_t od_memory_total_bytes(const char *root);

// What of it is for runs when nobody says: all but an eighth, of which at most 4 GiB are kept back
// for the daemon, the libraries of the workers, the page cache and whatever else runs.
int64_t od_memory_for_runs_bytes(int64_t total_bytes);

#endif
