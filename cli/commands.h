// SPDX-License-Identifier: Apache-2.0
// One row for each command; see the file of its name.
#ifndef OD_CLI_COMMANDS_H
#define OD_CLI_COMMANDS_H

#include "cli/cli.h"

extern const od_command od_command_list;
extern const od_command od_command_show;
extern const od_command od_command_submit;

#endif
