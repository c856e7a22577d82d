// SPDX-License-Identifier: Apache-2.0
// drain and undrain: the server, or one of its devices.
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static const od_option options[] = {{0}};

static od_status show(od_cli *cli, const cJSON *answer) {
    const char *verb = cli->command->name;
    const char *device = cli->options.operand_count > 0 ? cli->options.operands[0] : "the server";
    (void)answer;
    return od_cli_say("%s: %sed", device, verb);
}

static od_status run(od_cli *cli, od_error *error) {
    char path[OD_CLI_PATH_BYTES];
    const char *verb = cli->command->name;
    if (cli->options.operand_count == 0) {
        snprintf(path, sizeof path, "/%s", verb);
    } else {
        const char *device = cli->options.operands[0];
        if (strspn(device, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
                strlen(device) ||
            snprintf(path, sizeof path, "/devices/%s/%s", device, verb) >= (int)sizeof path) {
            return od_error_set(error, OD_E_INVALID, "%s: is no id of a device; see %s", device,
                                "orthoctl devices");
        }
    }
    return od_cli_ask(cli, &(od_request){.method = "POST", .path = path}, show, error);
}

const od_command od_command_drain = {
    .name = "drain",
    .purpose = "start no runs on the server or a device; those that run go on",
    .operands = "[DEVICE]",
    .options = options,
    .run = run,
    .operands_max = 1,
};

const od_command od_command_undrain = {
    .name = "undrain",
    .purpose = "start runs on the server or a device again",
    .operands = "[DEVICE]",
    .options = options,
    .run = run,
    .operands_max = 1,
};
