// SPDX-License-Identifier: Apache-2.0
// What the commands of orthoctl share. One command is one file and one row in commands.c.
//
// A command returns OD_OK (exit 0), OD_E_INVALID for wrong usage (exit 2) or another status
// (exit 1); error then says why, or is empty when everything has been said.
#ifndef OD_CLI_CLI_H
#define OD_CLI_CLI_H

#include "base/error.h"
#include "cli/client.h"
#include "cli/options.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct od_cli od_cli;

typedef struct od_command {
    const char *name;
    const char *purpose;  // one line
    const char *operands; // as the usage shows them, "" for none
    const char *details;  // more lines for its help, or NULL
    const od_option *options;
    od_status (*run)(od_cli *cli, od_error *error);
    size_t operands_min;
    size_t operands_max;
} od_command;

struct od_cli {
    const od_command *command;
    od_options options;
    od_client *client;
    bool json;     // --json
    bool terminal; // stdout is one
};

enum { OD_CLI_PATH_BYTES = 256 };

// Every command, as the help lists them; a NULL ends the table.
extern const od_command *const od_commands[];

// Options that every command has.
extern const od_option od_cli_shared_options[];

void od_cli_print_help(void);
void od_cli_print_command_help(const od_command *command);

// text as an id, or OD_E_INVALID. what: "job", "experiment".
od_status od_cli_id(const char *what, const char *text, int64_t *out,
                    od_error *error) OD_MUST_CHECK;

// Prints one sanitised line on stdout.
od_status od_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2))) OD_MUST_CHECK;

// "orthoctl: ...", one sanitised line on stderr; nothing for an empty error.
void od_cli_complain(const od_cli *cli, const od_error *error);

// Writes a server's answer unchanged (a terminal gets it without what it would obey).
od_status od_cli_pass(const od_cli *cli, const char *bytes, size_t size) OD_MUST_CHECK;

typedef od_status (*od_cli_show)(od_cli *cli, const cJSON *answer);

// Sends request and shows the answer by show, or passes it on with --json.
od_status od_cli_ask(od_cli *cli, const od_request *request, od_cli_show show,
                     od_error *error) OD_MUST_CHECK;

#endif
