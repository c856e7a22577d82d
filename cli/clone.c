// SPDX-License-Identifier: Apache-2.0
#include "cli/body.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const od_option options[] = {
    {"set", "KEY=VALUE", "change the spec: train.seed=3; repeatable", '\0'},
    {"key", "KEY", "Idempotency-Key (default: a random one)", '\0'},
    {0},
};

static od_status make_patch(const od_options *given, od_buffer *patch, od_error *error) {
    OD_TRY(od_buffer_append_text(patch, "{}"));
    for (size_t i = 0; i < given->given_count; i++) {
        if (strcmp(given->given[i].option->name, "set") == 0) {
            OD_TRY(od_body_set(patch, OD_BODY_SPEC, given->given[i].value, error));
        }
    }
    return OD_OK;
}

static od_status run(od_cli *cli, od_error *error) {
    int64_t id = 0;
    char path[OD_CLI_PATH_BYTES];
    char made[OD_KEY_BYTES];
    const char *key = od_options_get(&cli->options, "key");
    od_buffer patch = {0};
    OD_TRY(od_cli_id("job", cli->options.operands[0], &id, error));
    OD_TRY(od_key_make(made, error));
    snprintf(path, sizeof path, "/jobs/%" PRId64 "/clone", id);
    od_status status = make_patch(&cli->options, &patch, error);
    if (status == OD_OK) {
        const od_request request = {
            .method = "POST",
            .path = path,
            .content_type = "application/json",
            .body = patch.data,
            .body_bytes = patch.size,
            .key = key != NULL ? key : made,
        };
        status = od_cli_ask(cli, &request, od_job_say, error);
    }
    od_buffer_fini(&patch);
    return status;
}

const od_command od_command_clone = {
    .name = "clone",
    .purpose = "queue a job with another one's spec",
    .operands = "JOB",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
