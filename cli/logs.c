// SPDX-License-Identifier: Apache-2.0
// With -f the log is asked for by byte ranges, so that nothing comes twice or is left out. The state
// is asked first: what an ended job has logged is all there then.
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/sanitize.h"
#include "cli/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 500 };

static const od_option options[] = {
    {"follow", NULL, "go on until the job has ended", 'f'},
    {0},
};

typedef struct od_log_text {
    od_buffer line; // what has no line feed yet
    int64_t size;   // bytes so far
    bool failed;
} od_log_text;

static void print(od_log_text *log) {
    od_buffer clean = {0};
    log->failed = log->failed || od_sanitize_append(&clean, log->line.data, log->line.size,
                                                    OD_SANITIZE_BLOCK) != OD_OK;
    if (clean.size > 0) {
        fwrite(clean.data, 1, clean.size, stdout);
    }
    log->line.size = 0;
    od_buffer_fini(&clean);
}

// Whole lines only: an escape sequence may be cut in two.
static bool on_bytes(void *ctx, const char *bytes, size_t size) {
    od_log_text *log = ctx;
    for (const char *end = bytes + size; bytes < end && !log->failed;) {
        const char *feed = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t part = (size_t)((feed != NULL ? feed + 1 : end) - bytes);
        log->failed = od_buffer_append(&log->line, bytes, part) != OD_OK;
        bytes += part;
        log->size += (int64_t)part;
        if (feed != NULL && !log->failed) {
            print(log);
        }
    }
    return !log->failed;
}

static od_status fetch(od_cli *cli, int64_t id, od_log_text *log, od_error *error) {
    char path[OD_CLI_PATH_BYTES];
    char range[64];
    snprintf(path, sizeof path, "/jobs/%" PRId64 "/log", id);
    snprintf(range, sizeof range, "Range: bytes=%" PRId64 "-", log->size);
    const od_request request = {.path = path, .header = log->size > 0 ? range : NULL};
    od_status status = od_client_stream(cli->client, &request, on_bytes, log, error);
    if (log->failed) {
        return od_error_set(error, OD_E_NO_MEMORY, "out of memory");
    }
    fflush(stdout);
    return status != OD_OK && od_client_http_status(cli->client) == 416 ? OD_OK : status;
}

static od_status follow(od_cli *cli, int64_t id, od_log_text *log, od_error *error) {
    for (;;) {
        bool ended = true;
        if (od_options_has(&cli->options, "follow")) {
            OD_TRY(od_job_has_ended(cli, id, &ended, error));
        }
        OD_TRY(fetch(cli, id, log, error));
        if (ended) {
            return OD_OK;
        }
        const struct timespec pause = {0, POLL_MS * 1000000};
        nanosleep(&pause, NULL);
    }
}

static od_status run(od_cli *cli, od_error *error) {
    int64_t id = 0;
    od_log_text log = {0};
    OD_TRY(od_cli_id("job", cli->options.operands[0], &id, error));
    od_status status = follow(cli, id, &log, error);
    if (log.line.size > 0) {
        print(&log);
    }
    od_buffer_fini(&log.line);
    return status;
}

const od_command od_command_logs = {
    .name = "logs",
    .purpose = "print a job's log",
    .operands = "JOB",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
