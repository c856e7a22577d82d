// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

#include <string.h>

void od_api_health_serve_live(od_request *request) {
    static const char body[] = "{\"status\":\"ok\"}";
    od_request_answer(request, od_response_static(200, "application/json", body, sizeof body - 1));
}

void od_api_health_serve_ready(od_request *request) {
    static const char accepting[] = "{\"status\":\"ready\",\"drained\":false}";
    static const char drained[] = "{\"status\":\"ready\",\"drained\":true}";
    const od_daemon *daemon = od_api_daemon(request);
    const char *body = daemon->ready && od_queue_is_drained(daemon->queue) ? drained : accepting;
    od_response *response =
        daemon->ready && !daemon->stopping
            ? od_response_static(200, "application/json", body, strlen(body))
            : od_problem_new(request, OD_PROBLEM_UNAVAILABLE, NULL, "the server is %s",
                             daemon->stopping ? "stopping" : "starting");
    od_request_answer(request, response);
}
