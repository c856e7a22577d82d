// SPDX-License-Identifier: Apache-2.0
// What orthod does besides being a daemon: `orthod COMMAND [OPTION]...`. A command takes the
// daemon's own options, so that it speaks of the same state directory and the same config file.
#ifndef OD_DAEMON_COMMAND_H
#define OD_DAEMON_COMMAND_H

#include "daemon/config.h"

#include <stdbool.h>

// argv[0] is the command's name. Returns the exit status, after one line a fault on stderr.
typedef int od_command(int argc, char **argv);

// The command that the first argument names, or NULL: the daemon is wanted.
od_command *od_command_find(int argc, char **argv);

// Answers --help and --version. false: config asks for neither.
bool od_command_answer(const od_config *config);

#endif
