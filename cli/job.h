// SPDX-License-Identifier: Apache-2.0
// A job as the server tells it, for people.
#ifndef OD_CLI_JOB_H
#define OD_CLI_JOB_H

#include "cli/cli.h"

// All of it, as tables.
od_status od_job_show(od_cli *cli, const cJSON *job);

// "job 3 queued: NAME", and its reason.
od_status od_job_say(od_cli *cli, const cJSON *job);

// What a plan says, as a table.
od_status od_job_show_plan(const cJSON *plan);

od_status od_job_get(od_cli *cli, int64_t id, cJSON **out, od_error *error) OD_MUST_CHECK;

// Whether the job has come to a state that it stays in by itself for ever.
bool od_job_is_over(const cJSON *job);
od_status od_job_has_ended(od_cli *cli, int64_t id, bool *out, od_error *error) OD_MUST_CHECK;

#endif
