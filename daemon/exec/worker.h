// SPDX-License-Identifier: Apache-2.0
// One ortho-worker process of one attempt: started by us, or found alive by a new daemon. Knows
// nothing of queues and databases. Everything runs on the loop's thread; what touches the disk is
// done on the thread pool.
#ifndef OD_DAEMON_EXEC_WORKER_H
#define OD_DAEMON_EXEC_WORKER_H

#include "base/error.h"
#include "daemon/exec/oom.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { OD_WORKER_LOG_LINE_BYTES = 300 };

typedef struct od_worker od_worker;

// How a worker ended, as far as it is known.
typedef struct od_worker_exit {
    bool known; // false: it was not our child, we only saw its lock set free
    int64_t status;
    int signal;                               // 0: it left by itself, with status
    od_oom_evidence oom;                      // what the kernel counted while it lived
    int64_t last_written_ms;                  // wall time of its last event; 0: there is none
    char last_line[OD_WORKER_LOG_LINE_BYTES]; // of worker.log, "" when there is none
} od_worker_exit;

typedef struct od_worker_config {
    uv_loop_t *loop;
    const char *state_dir; // strings are copied
    const char *program;
    const char *const *options; // for every worker, up to a NULL; kept, not copied. NULL: none
    int64_t job;
    int64_t attempt;
    int64_t threads;
    // The process lives. After od_worker_start a failure means that there is none, and on_exit will
    // not come; after od_worker_adopt it always succeeds, and on_exit may come without it.
    void (*on_alive)(void *ctx, od_status status, const od_error *error);
    void (*on_exit)(void *ctx, const od_worker_exit *how);
    void *ctx;
} od_worker_config;

// Prepares the run directory, with spec as its spec.json (copied), and starts the program.
od_status od_worker_start(const od_worker_config *config, const char *spec, od_worker **out,
                          od_error *error) OD_MUST_CHECK;

// Watches a worker that a former daemon started: its lock tells whether it lives.
od_status od_worker_adopt(const od_worker_config *config, od_worker **out,
                          od_error *error) OD_MUST_CHECK;

// Sends a signal. pid is what its `start` line said (0: not known), and is only used for a worker
// that is not our child. false: it is not known whom to send it to yet.
bool od_worker_signal(od_worker *worker, int signal, int64_t pid);

// Lets go of the process, which lives on. No callback comes afterwards. Frees on the loop. NULL is
// fine.
void od_worker_close(od_worker *worker);

#endif
