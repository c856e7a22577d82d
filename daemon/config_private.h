// SPDX-License-Identifier: Apache-2.0
// What config.c and config_defaults.c share; nobody else includes it.
#ifndef OD_DAEMON_CONFIG_PRIVATE_H
#define OD_DAEMON_CONFIG_PRIVATE_H

#include "daemon/config.h"

// After all has been read: one fills in what is missing or checks it, in the order of the table.
typedef od_status od_config_step(od_config *out, od_error *error);

extern od_config_step *const od_config_steps[];
extern const size_t od_config_step_count;

#endif
