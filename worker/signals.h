// SPDX-License-Identifier: Apache-2.0
// SIGTERM and SIGINT ask the run to stop at the next step; they interrupt nothing.
#ifndef OD_WORKER_SIGNALS_H
#define OD_WORKER_SIGNALS_H

// Catches both, and ignores SIGPIPE, so that a closed terminal is an error of write(2).
void od_signals_install(void);

// "SIGTERM" or "SIGINT" when it came, else NULL.
const char *od_signals_stop_wanted(void);

#endif
