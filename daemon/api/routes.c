// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/routes.h"

#include "daemon/api/handlers.h"

#define GET OD_METHOD_GET
#define POST OD_METHOD_POST
#define PATCH OD_METHOD_PATCH
#define DELETE OD_METHOD_DELETE
#define ALL                                                                              \
    (OD_METHOD_GET | OD_METHOD_HEAD | OD_METHOD_POST | OD_METHOD_PUT | OD_METHOD_PATCH | \
     OD_METHOD_DELETE | OD_METHOD_OPTIONS | OD_METHOD_OTHER)
#define NONE OD_ROLE_NONE
#define READ OD_ROLE_READ
#define SUBMIT OD_ROLE_SUBMIT
#define ADMIN OD_ROLE_ADMIN
#define V1 "/api/v1"

// clang-format off
const od_route od_routes[] = {
    {POST,   V1 "/jobs", od_api_submit_job, OD_ROUTE_JSON | OD_ROUTE_YAML, "dry_run", SUBMIT},
    {GET,    V1 "/jobs", od_api_jobs_serve_list, 0, "state label experiment limit cursor", READ},
    {GET,    V1 "/jobs/{id}", od_api_jobs_serve_one, 0, NULL, READ},
    {PATCH,  V1 "/jobs/{id}", od_api_jobs_patch, OD_ROUTE_JSON, NULL, SUBMIT},
    {DELETE, V1 "/jobs/{id}", od_api_jobs_delete, 0, NULL, ADMIN},
    {POST,   V1 "/jobs/{id}/cancel", od_api_jobs_cancel, 0, NULL, SUBMIT},
    {POST,   V1 "/jobs/{id}/pause", od_api_jobs_pause, 0, NULL, SUBMIT},
    {POST,   V1 "/jobs/{id}/resume", od_api_jobs_resume, 0, NULL, SUBMIT},
    {POST,   V1 "/jobs/{id}/retry", od_api_jobs_retry, 0, NULL, SUBMIT},
    {POST,   V1 "/jobs/{id}/clone", od_api_submit_clone, OD_ROUTE_JSON, NULL, SUBMIT},
    {GET,    V1 "/jobs/{id}/metrics", od_api_metrics_serve, 0,
             "series from_step to_step max_points format", READ},
    {GET,    V1 "/jobs/{id}/events", od_api_events_serve_job, 0, "after", READ},
    {GET,    V1 "/jobs/{id}/log", od_api_log_serve, 0, NULL, READ},
    {GET,    V1 "/jobs/{id}/checkpoints", od_api_checkpoints_serve_list, 0, NULL, READ},
    {GET,    V1 "/jobs/{id}/checkpoints/{name}/{file}", od_api_checkpoints_serve_file, 0, NULL, READ},
    {GET,    V1 "/events", od_api_events_serve_all, 0, "after", READ},
    {POST,   V1 "/experiments", od_api_submit_experiment, OD_ROUTE_JSON, NULL, SUBMIT},
    {GET,    V1 "/experiments", od_api_experiments_serve_list, 0, NULL, READ},
    {GET,    V1 "/experiments/{id}", od_api_experiments_serve_one, 0, NULL, READ},
    {GET,    V1 "/experiments/{id}/summary", od_api_summary_serve, 0, "series half_width", READ},
    {GET,    V1 "/compare", od_api_compare_serve, 0, "jobs series max_points", READ},
    {GET,    V1 "/devices", od_api_devices_serve, 0, NULL, READ},
    {POST,   V1 "/devices/{id}/drain", od_api_devices_drain, 0, NULL, ADMIN},
    {POST,   V1 "/devices/{id}/undrain", od_api_devices_undrain, 0, NULL, ADMIN},
    {POST,   V1 "/drain", od_api_server_drain, 0, NULL, ADMIN},
    {POST,   V1 "/undrain", od_api_server_undrain, 0, NULL, ADMIN},
    {GET,    V1 "/datasets", od_api_datasets_serve, 0, NULL, READ},
    {GET,    V1 "/recipes", od_api_recipes_serve, 0, NULL, READ},
    {GET,    V1 "/schemas/{name}", od_api_schemas_serve, 0, NULL, READ},
    {GET,    V1 "/openapi.json", od_api_schemas_serve_openapi, 0, NULL, READ},
    {GET,    V1 "/tokens", od_api_tokens_serve, 0, NULL, ADMIN},
    {POST,   V1 "/tokens", od_api_tokens_add, OD_ROUTE_JSON, NULL, ADMIN},
    {DELETE, V1 "/tokens/{name}", od_api_tokens_revoke, 0, NULL, ADMIN},
    {POST,   V1 "/login", od_api_login_begin, OD_ROUTE_JSON, NULL, NONE},
    {POST,   V1 "/logout", od_api_login_end, 0, NULL, NONE},
    {GET,    "/healthz", od_api_health_serve_live, OD_ROUTE_ANY_QUERY, NULL, NONE},
    {GET,    "/readyz", od_api_health_serve_ready, OD_ROUTE_ANY_QUERY, NULL, NONE},
    {GET,    "/metrics", od_api_prometheus_serve, OD_ROUTE_ANY_QUERY, NULL, READ},
    // It answers for methods itself, because a name that it does not have is 404 for all of them.
    {ALL,    "/*", od_api_static_serve, OD_ROUTE_ANY_QUERY, NULL, NONE},
};
// clang-format on
const size_t od_routes_count = sizeof od_routes / sizeof od_routes[0];
