// SPDX-License-Identifier: Apache-2.0
// The commands that move a job to another state; they differ in their name alone. Those for which
// the server refuses are told one by one, and the others are done all the same.
#include "cli/commands.h"
#include "cli/job.h"

#include <inttypes.h>
#include <stdio.h>

static const od_option options[] = {{0}};

static od_status each(od_cli *cli, const char *method, const char *suffix, od_cli_show show,
                      od_error *error) {
    od_status all = OD_OK;
    int64_t id = 0;
    for (size_t i = 0; i < cli->options.operand_count; i++) {
        OD_TRY(od_cli_id("job", cli->options.operands[i], &id, error));
    }
    for (size_t i = 0; i < cli->options.operand_count; i++) {
        char path[OD_CLI_PATH_BYTES];
        OD_TRY(od_cli_id("job", cli->options.operands[i], &id, error));
        snprintf(path, sizeof path, "/jobs/%" PRId64 "%s", id, suffix);
        od_status status =
            od_cli_ask(cli, &(od_request){.method = method, .path = path}, show, error);
        if (status != OD_OK) {
            od_error_prefix(error, "job %" PRId64, id);
            od_cli_complain(cli, error);
            error->text[0] = '\0';
            all = status;
        }
    }
    return all;
}

static od_status run(od_cli *cli, od_error *error) {
    char suffix[32];
    snprintf(suffix, sizeof suffix, "/%s", cli->command->name);
    return each(cli, "POST", suffix, od_job_say, error);
}

static od_status run_delete(od_cli *cli, od_error *error) {
    od_status all = OD_OK;
    bool json = cli->json;
    cli->json = true; // there is no answer to show
    all = each(cli, "DELETE", "", od_job_say, error);
    cli->json = json;
    return all;
}

#define STEER(verb, what, function)              \
    const od_command od_command_##verb = {       \
        .name = #verb,                           \
        .purpose = what,                         \
        .operands = "JOB...",                    \
        .options = options,                      \
        .run = function,                         \
        .operands_min = 1,                       \
        .operands_max = OD_OPTIONS_OPERANDS_MAX, \
    }

STEER(cancel, "cancel jobs", run);
STEER(pause, "pause running jobs after a checkpoint", run);
STEER(resume, "go on with paused jobs", run);
STEER(retry, "queue failed or cancelled jobs again", run);
STEER(delete, "delete jobs that have ended, with their files", run_delete);
