// SPDX-License-Identifier: Apache-2.0
// The subcommands of ortho-worker. Each gets its own argv (argv[0] is the subcommand's name), and
// returns the exit status of the process: 0 success, 1 failure, 2 wrong usage, 3 stopped.
#ifndef OD_WORKER_COMMAND_H
#define OD_WORKER_COMMAND_H

#include "base/error.h"
#include "base/schema.h"

#include <getopt.h>

enum { OD_EXIT_OK = 0, OD_EXIT_FAILED = 1, OD_EXIT_USAGE = 2, OD_EXIT_STOPPED = 3 };

int od_worker_eval(int argc, char **argv);
int od_worker_export(int argc, char **argv);
int od_worker_features(int argc, char **argv);
int od_worker_plan(int argc, char **argv);
int od_worker_run(int argc, char **argv);

// One line on stderr, "ortho-worker: TEXT"; line breaks within are blanked. Returns status.
int od_command_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// One such line with all faults: "SPEC.json: /train/epochs is 0; ...; /model/heads is 5; ...".
void od_command_show_faults(const char *path, const od_faults *faults);

// getopt_long that says what is wrong with an option in one line: the option's character, -1 at the
// end, '?' when it has said so.
// What run and plan know besides their own options: where specs may point to (worker/roots.h).
#define OD_COMMAND_ROOT_OPTIONS                         \
    {"data-root", required_argument, NULL, 'D'}, {      \
        "checkpoint-root", required_argument, NULL, 'C' \
    }
#define OD_COMMAND_ROOT_HELP                                                                      \
    "  --data-root DIR        refuse specs whose data.root is not beneath DIR; may be repeated\n" \
    "  --checkpoint-root DIR  the same for init_from\n"

// 0, or OD_EXIT_USAGE after a message. option is one of the two.
int od_command_take_root(int option, const char *value);

int od_command_option(int argc, char **argv, const struct option *options);

// text as a whole number in [least, most] into *out; says what is wrong and returns -1 otherwise.
int od_command_number(const char *option, const char *text, long least, long most, long *out);

#endif
