// SPDX-License-Identifier: Apache-2.0
// What the command line and the --config file say. The command line wins; what may be repeated
// replaces the file's there.
#ifndef OD_DAEMON_CONFIG_H
#define OD_DAEMON_CONFIG_H

#include "base/error.h"
#include "base/log.h"
#include "daemon/listen.h"
#include "daemon/queue/schedule.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OD_CONFIG_LISTEN_MAX = 16,
    OD_CONFIG_HOST_MAX = 64,
    OD_CONFIG_ROOTS_MAX = 16,
    OD_CONFIG_LABEL_LIMITS_MAX = 64,
};

// Folders beneath which specs may name something; count 0: anywhere.
typedef struct od_config_roots {
    char paths[OD_CONFIG_ROOTS_MAX + 1][PATH_MAX]; // one more for the server's own
    size_t count;
} od_config_roots;

typedef enum od_config_action {
    OD_CONFIG_RUN,
    OD_CONFIG_HELP,    // --help: print and exit 0
    OD_CONFIG_VERSION, // --version: print and exit 0
} od_config_action;

typedef struct od_config {
    od_config_action action;
    od_listen listen[OD_CONFIG_LISTEN_MAX];
    size_t listen_count;
    od_listen_host hosts[OD_CONFIG_HOST_MAX]; // that clients ask for, besides localhost
    size_t host_count;
    char state_dir[PATH_MAX];
    char token_file[PATH_MAX]; // "": everybody who can connect may do everything
    char tls_cert[PATH_MAX];   // "": nothing is encrypted; else tls_key is there too
    char tls_key[PATH_MAX];
    char worker[PATH_MAX]; // ortho-worker; beside orthod when not given
    od_config_roots data_roots;
    od_config_roots checkpoint_roots;
    // What every ortho-worker is told besides: the roots. Ends with NULL.
    const char *worker_options[4 * (OD_CONFIG_ROOTS_MAX + 1) + 1];
    int64_t rate_limit;        // requests a second of each token; 0: no limit
    int64_t request_timeout_s; // until a request must be there whole
    int64_t cpu_slots;
    int64_t default_threads; // half of the slots, at least one
    int64_t memory_bytes;    // for runs
    bool backfill, preempt;
    int64_t retry_delay_ms, retry_delay_max_ms;
    od_label_limit label_limits[OD_CONFIG_LABEL_LIMITS_MAX];
    size_t label_limit_count;
    od_log_level log_level;
} od_config;

// Reads arguments, file and environment. OD_E_INVALID: wrong usage (exit 2); anything else: 1.
od_status od_config_read(int argc, char **argv, od_config *out, od_error *error) OD_MUST_CHECK;

// One fault, in one line, with its option or its file and line.
typedef void od_config_tell(void *ctx, const char *fault);

// The same, but goes on to the end and tells of every fault. Returns the first one's status. out is
// whole only for OD_OK. Changes nothing.
od_status od_config_check(int argc, char **argv, od_config *out, od_config_tell *tell,
                          void *ctx) OD_MUST_CHECK;

// Whether what it listens on goes with the rest: an address that other machines reach needs tokens,
// and one that is all of them the names by which they ask for it. OD_E_INVALID: it does not.
od_status od_config_check_listen(const od_config *config, od_error *error) OD_MUST_CHECK;

extern const char od_config_help[];

#endif
