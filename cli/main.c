// SPDX-License-Identifier: Apache-2.0
// orthoctl: a thin client of orthod's HTTP API. main() is a table of contents.
#include "config.h"

#include "base/file.h"
#include "base/suggest.h"
#include "cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, TOKEN_BYTES_MAX = 4096 };

static od_status find_command(od_cli *cli, const char *name, od_error *error) {
    const char *nearest = NULL;
    size_t distance = 3;
    for (const od_command *const *at = od_commands; *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) {
            cli->command = *at;
            return OD_OK;
        }
        size_t d = od_suggest_distance((*at)->name, name);
        if (d < distance) {
            nearest = (*at)->name;
            distance = d;
        }
    }
    return nearest != NULL
               ? od_error_set(error, OD_E_INVALID, "unknown command %s; did you mean %s?", name,
                              nearest)
               : od_error_set(error, OD_E_INVALID, "unknown command %s; see orthoctl --help", name);
}

static od_status check_operands(const od_cli *cli, od_error *error) {
    size_t count = cli->options.operand_count;
    const od_command *command = cli->command;
    if (count >= command->operands_min && count <= command->operands_max) {
        return OD_OK;
    }
    return od_error_set(error, OD_E_INVALID, "%s; usage: orthoctl %s [OPTION]...%s%s",
                        count < command->operands_min ? "something is missing"
                                                      : "too much is given",
                        command->name, *command->operands != '\0' ? " " : "", command->operands);
}

// Fills command and options; command stays NULL when only help or version is asked for.
static od_status read_arguments(od_cli *cli, int argc, char **argv, od_error *error) {
    int next = 1;
    OD_TRY(od_options_read(&cli->options, argc, argv, &next, od_cli_shared_options, NULL, error));
    if (next == argc) {
        return od_options_has(&cli->options, "help") || od_options_has(&cli->options, "version")
                   ? OD_OK
                   : od_error_set(error, OD_E_INVALID, "no command; see orthoctl --help");
    }
    OD_TRY(find_command(cli, argv[next++], error));
    return od_options_read(&cli->options, argc, argv, &next, od_cli_shared_options,
                           cli->command->options, error);
}

// The token of --token-file, or of the environment, into *out; NULL: none. free() it.
static od_status read_token(const od_options *options, char **out, od_error *error) {
    const char *path = od_options_get(options, "token-file");
    const char *token = getenv("ORTHOD_TOKEN");
    od_buffer file = {0};
    if (path != NULL) {
        OD_TRY(od_file_read(path, TOKEN_BYTES_MAX, &file, error));
        token = file.data != NULL ? file.data : "";
    }
    if (token == NULL || (path == NULL && *token == '\0')) {
        return OD_OK;
    }
    *out = strndup(token, strcspn(token, "\r\n"));
    od_buffer_fini(&file);
    return *out != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "out of memory");
}

// What the option says, else what the variable says, else other.
static const char *said(const od_options *options, const char *option, const char *variable,
                        const char *other) {
    const char *given = od_options_get(options, option);
    const char *value = getenv(variable);
    if (given != NULL) {
        return given;
    }
    return value != NULL && *value != '\0' ? value : other;
}

static od_status run(od_cli *cli, od_error *error) {
    char *token = NULL;
    OD_TRY(check_operands(cli, error));
    OD_TRY(read_token(&cli->options, &token, error));
    const char *server = said(&cli->options, "server", "ORTHOD_SERVER", "http://127.0.0.1:8420");
    od_status status = od_client_new(server, token, &cli->client, error);
    free(token);
    OD_TRY(status);
    od_client_trust(cli->client, said(&cli->options, "cacert", "ORTHOD_CACERT", NULL));
    cli->json = od_options_has(&cli->options, "json");
    cli->terminal = isatty(STDOUT_FILENO) == 1;
    return cli->command->run(cli, error);
}

static od_status run_or_explain(od_cli *cli, od_error *error) {
    if (od_options_has(&cli->options, "help")) {
        if (cli->command != NULL) {
            od_cli_print_command_help(cli->command);
        } else {
            od_cli_print_help();
        }
        return OD_OK;
    }
    if (od_options_has(&cli->options, "version")) {
        puts("orthoctl " PACKAGE_VERSION);
        return OD_OK;
    }
    return run(cli, error);
}

int main(int argc, char **argv) {
    static od_cli cli;
    od_error error = {0};
    setlocale(LC_CTYPE, "");
    od_status status = read_arguments(&cli, argc, argv, &error);
    if (status == OD_OK) {
        status = run_or_explain(&cli, &error);
    }
    if (status == OD_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        status = od_error_set(&error, OD_E_IO, "cannot write to standard output");
    }
    if (status != OD_OK) {
        fflush(stdout);
        od_cli_complain(&cli, &error);
    }
    od_client_free(cli.client);
    return status == OD_OK ? EXIT_SUCCESS : status == OD_E_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}
