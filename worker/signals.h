// SPDX-License-Identifier: Apache-2.0
// SIGTERM, SIGINT and the time limit ask the run to stop at the next step; they interrupt nothing.
#ifndef OD_WORKER_SIGNALS_H
#define OD_WORKER_SIGNALS_H

// Catches them, and ignores SIGPIPE, so that a closed terminal is an error of write(2).
void od_signals_install(void);

// The time limit: SIGALRM after so many seconds.
void od_signals_stop_after(unsigned seconds);

// "SIGTERM", "SIGINT" or "the time limit" when it came, else NULL.
const char *od_signals_stop_wanted(void);

#endif
