// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

const od_command *const od_commands[] = {
    &od_command_submit,
    &od_command_list,
    &od_command_show,
    &od_command_watch,
    &od_command_logs,
    &od_command_cancel,
    &od_command_pause,
    &od_command_resume,
    &od_command_retry,
    &od_command_clone,
    &od_command_set,
    &od_command_delete,
    &od_command_compare,
    &od_command_export,
    &od_command_experiments,
    &od_command_summary,
    &od_command_recipes,
    &od_command_datasets,
    &od_command_devices,
    &od_command_drain,
    &od_command_undrain,
    &od_command_token,
    NULL,
};
