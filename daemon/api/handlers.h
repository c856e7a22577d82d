// SPDX-License-Identifier: Apache-2.0
// The handlers of the route table, by the file that they are in.
#ifndef OD_API_HANDLERS_H
#define OD_API_HANDLERS_H

#include "daemon/http/http.h"

od_handler od_api_jobs_serve_list;
od_handler od_api_jobs_serve_one;
od_handler od_api_jobs_patch;
od_handler od_api_jobs_delete;
od_handler od_api_jobs_cancel;
od_handler od_api_jobs_pause;
od_handler od_api_jobs_resume;
od_handler od_api_jobs_retry;
od_handler od_api_submit_job;
od_handler od_api_submit_clone;
od_handler od_api_submit_experiment;
od_handler od_api_experiments_serve_list;
od_handler od_api_experiments_serve_one;
od_handler od_api_summary_serve;
od_handler od_api_metrics_serve;
od_handler od_api_compare_serve;
od_handler od_api_events_serve_job;
od_handler od_api_events_serve_all;
od_handler od_api_log_serve;
od_handler od_api_checkpoints_serve_list;
od_handler od_api_checkpoints_serve_file;
od_handler od_api_devices_serve;
od_handler od_api_devices_drain;
od_handler od_api_devices_undrain;
od_handler od_api_server_drain;
od_handler od_api_server_undrain;
od_handler od_api_datasets_serve;
od_handler od_api_recipes_serve;
od_handler od_api_schemas_serve;
od_handler od_api_schemas_serve_openapi;
od_handler od_api_health_serve_live;
od_handler od_api_health_serve_ready;
od_handler od_api_prometheus_serve;
od_handler od_api_static_serve;

od_handler od_api_tokens_serve;
od_handler od_api_tokens_add;
od_handler od_api_tokens_revoke;

od_handler od_api_login_begin;
od_handler od_api_login_end;

#endif
