// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/job.h"

#include <inttypes.h>
#include <stdio.h>

static const od_option options[] = {{0}};

static od_status run(od_cli *cli, od_error *error) {
    int64_t id = 0;
    char path[OD_CLI_PATH_BYTES];
    OD_TRY(od_cli_id("job", cli->options.operands[0], &id, error));
    snprintf(path, sizeof path, "/jobs/%" PRId64, id);
    return od_cli_ask(cli, &(od_request){.path = path}, od_job_show, error);
}

const od_command od_command_show = {
    .name = "show",
    .purpose = "show one job: state, progress, plan, metrics",
    .operands = "JOB",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
