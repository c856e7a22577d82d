// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

const od_command *const od_commands[] = {
    &od_command_list,
    &od_command_show,
    &od_command_submit,
    NULL,
};
