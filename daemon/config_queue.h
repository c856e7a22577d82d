// SPDX-License-Identifier: Apache-2.0
// The options of the queue: rows of config.c's table. Each sets what value says, or says what is
// wrong with it (OD_E_INVALID).
#ifndef OD_DAEMON_CONFIG_QUEUE_H
#define OD_DAEMON_CONFIG_QUEUE_H

#include "daemon/config.h"

od_status od_config_set_memory(od_config *config, const char *value, od_error *error) OD_MUST_CHECK;
od_status od_config_set_backfill(od_config *config, const char *value,
                                 od_error *error) OD_MUST_CHECK;
od_status od_config_set_preempt(od_config *config, const char *value,
                                od_error *error) OD_MUST_CHECK;
od_status od_config_set_label_limit(od_config *config, const char *value,
                                    od_error *error) OD_MUST_CHECK;
od_status od_config_set_retry_delay(od_config *config, const char *value,
                                    od_error *error) OD_MUST_CHECK;
od_status od_config_set_retry_delay_max(od_config *config, const char *value,
                                        od_error *error) OD_MUST_CHECK;

#endif
