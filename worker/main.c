// SPDX-License-Identifier: Apache-2.0
// ortho-worker: trains one job into a run directory, says what training it would take, and evaluates
// and converts the weights that came out.
#include "config.h"
#include "worker/command.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *purpose;
} commands[] = {
    {"run", od_worker_run, "train a job, or go on from its newest checkpoint"},
    {"plan", od_worker_plan, "say what a job would take: parameters, steps, memory"},
    {"eval", od_worker_eval, "validate weights once more, or on other data"},
    {"features", od_worker_features, "write what enters the classifier for every sample"},
    {"export", od_worker_export, "write weights in Hugging Face's layout, or the reference's"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void) {
    printf("Usage: ortho-worker COMMAND [OPTION]...\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        printf("  %-9s %s\n", commands[i].name, commands[i].purpose);
    }
    printf("\n  --help, --version; each command has its own --help\n"
           "\nExit status: 0 success, 1 failure, 2 wrong usage, 3 stopped by a signal after a "
           "checkpoint.\n");
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help();
        return OD_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("ortho-worker %s\n", PACKAGE_VERSION);
        return OD_EXIT_OK;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].main(argc - 1, argv + 1);
        }
    }
    return *name == '\0' ? od_command_fail(OD_EXIT_USAGE, "no command; see ortho-worker --help")
                         : od_command_fail(OD_EXIT_USAGE,
                                           "unknown command %s; see ortho-worker --help", name);
}
