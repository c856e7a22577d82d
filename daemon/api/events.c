// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/sse/hub.h"

#include <string.h>

// Where the stream starts. A reconnecting browser repeats its URL and adds Last-Event-ID, so the
// header counts more than the parameter.
static int64_t read_after(od_request *request) {
    const char *header = od_request_header(request, "Last-Event-ID");
    if (header == NULL || header[0] == '\0') {
        return od_api_integer(request, "after", 0, INT64_MAX, OD_HUB_FROM_NOW);
    }
    int64_t after = 0;
    if (strcmp(header, "0") != 0 && !od_api_parse_id(header, strlen(header), &after)) {
        od_request_fault(request, "Last-Event-ID", "is \"%s\"; give the id of an event", header);
    }
    return after;
}

void od_api_events_serve_job(od_request *request) {
    int64_t job = 0;
    int64_t after = read_after(request);
    if (od_api_id(request, 3, &job) && od_request_is_sound(request)) {
        od_hub_answer(od_api_daemon(request)->hub, request, job, after);
    }
}

void od_api_events_serve_all(od_request *request) {
    int64_t after = read_after(request);
    if (od_request_is_sound(request)) {
        od_hub_answer(od_api_daemon(request)->hub, request, 0, after);
    }
}
