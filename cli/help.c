// SPDX-License-Identifier: Apache-2.0
// Help texts, made of the tables.
#include "cli/cli.h"

#include <stdio.h>

static void print_options(const od_option *options) {
    for (; options->name != NULL; options++) {
        char text[64];
        snprintf(text, sizeof text, "--%s%s%s", options->name, options->value != NULL ? " " : "",
                 options->value != NULL ? options->value : "");
        char letter[] = {options->letter != '\0' ? '-' : ' ',
                         options->letter != '\0' ? options->letter : ' ',
                         options->letter != '\0' ? ',' : ' ', '\0'};
        printf("  %s %-20s %s\n", letter, text, options->help);
    }
}

void od_cli_print_help(void) {
    printf("Usage: orthoctl [OPTION]... COMMAND [OPTION]... [OPERAND]...\n\n"
           "Talks to an orthod.\n\n");
    for (const od_command *const *at = od_commands; *at != NULL; at++) {
        printf("  %-12s %s\n", (*at)->name, (*at)->purpose);
    }
    printf("\nFor all commands (each has its own --help):\n");
    print_options(od_cli_shared_options);
    printf("\nExit status: 0 success, 1 failure, 2 wrong usage.\n");
}

void od_cli_print_command_help(const od_command *command) {
    printf("Usage: orthoctl %s [OPTION]...%s%s\n\nTo %s.\n", command->name,
           *command->operands != '\0' ? " " : "", command->operands, command->purpose);
    if (command->details != NULL) {
        printf("\n%s\n", command->details);
    }
    printf("\n");
    print_options(command->options);
    print_options(od_cli_shared_options);
}
