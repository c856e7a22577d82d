// SPDX-License-Identifier: Apache-2.0
// What of the daemon's environment a worker gets to see: an allow-list, so that no secret of the
// daemon's reaches a process that reads other people's files. OpenMP's threads are told not to spin
// for long, unless the daemon's own OMP_WAIT_POLICY or GOMP_SPINCOUNT says something else.
#ifndef OD_DAEMON_EXEC_ENVIRONMENT_H
#define OD_DAEMON_EXEC_ENVIRONMENT_H

#include <stddef.h>

enum { OD_ENVIRONMENT_MAX = 128, OD_WORKER_OPTIONS_MAX = 80 };

// Fills out with borrowed "NAME=value" strings and a NULL; valid until the environment changes.
void od_environment_for_workers(char *out[OD_ENVIRONMENT_MAX]);

// Appends options, which end with NULL (or are NULL), to the count arguments of a worker, and a
// NULL. There is room for as many as OD_WORKER_OPTIONS_MAX.
void od_environment_add_options(char **arguments, size_t count, const char *const *options);

#endif
