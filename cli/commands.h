// SPDX-License-Identifier: Apache-2.0
// One row for each command; see the file of its name.
#ifndef OD_CLI_COMMANDS_H
#define OD_CLI_COMMANDS_H

#include "cli/cli.h"

extern const od_command od_command_cancel;
extern const od_command od_command_clone;
extern const od_command od_command_compare;
extern const od_command od_command_datasets;
extern const od_command od_command_delete;
extern const od_command od_command_devices;
extern const od_command od_command_drain;
extern const od_command od_command_experiments;
extern const od_command od_command_export;
extern const od_command od_command_list;
extern const od_command od_command_logs;
extern const od_command od_command_pause;
extern const od_command od_command_recipes;
extern const od_command od_command_resume;
extern const od_command od_command_retry;
extern const od_command od_command_set;
extern const od_command od_command_show;
extern const od_command od_command_submit;
extern const od_command od_command_summary;
extern const od_command od_command_token;
extern const od_command od_command_undrain;
extern const od_command od_command_watch;

#endif
