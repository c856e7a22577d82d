// SPDX-License-Identifier: Apache-2.0
// What a monitoring system wants to know, in Prometheus' text format 0.0.4.
#include "base/clock.h"
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/sse/hub.h"

#include "config.h"

#include <inttypes.h>

typedef struct prometheus_call {
    od_api_call base;
    od_device cpu;
    size_t streams;
    int64_t uptime_ms;
} prometheus_call;

static od_status append_gauge(od_buffer *out, const char *name, const char *help, double value) {
    OD_TRY(od_buffer_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s ", name, help, name, name));
    OD_TRY(od_api_append_number(out, value, false));
    return od_buffer_append_text(out, "\n");
}

static od_status append_jobs(od_buffer *out, const int64_t counts[OD_JOB_STATES]) {
    OD_TRY(od_buffer_append_text(out,
                                 "# HELP orthod_jobs Jobs by state.\n# TYPE orthod_jobs gauge\n"));
    for (int i = 0; i < OD_JOB_STATES; i++) {
        OD_TRY(od_buffer_printf(out, "orthod_jobs{state=\"%s\"} %" PRId64 "\n",
                                od_job_state_text((od_job_state)i), counts[i]));
    }
    return OD_OK;
}

static od_status append_all(const prometheus_call *call, const int64_t counts[OD_JOB_STATES],
                            int64_t newest, od_buffer *out) {
    OD_TRY(od_buffer_append_text(out, "# HELP orthod_info The running version.\n"
                                      "# TYPE orthod_info gauge\n"
                                      "orthod_info{version=\"" PACKAGE_VERSION "\"} 1\n"));
    OD_TRY(append_jobs(out, counts));
    OD_TRY(append_gauge(out, "orthod_cpu_slots", "CPU slots of this machine.",
                        (double)call->cpu.slots));
    OD_TRY(append_gauge(out, "orthod_cpu_slots_free", "CPU slots that no job holds.",
                        (double)call->cpu.slots_free));
    OD_TRY(append_gauge(out, "orthod_memory_bytes", "Memory for runs.",
                        (double)call->cpu.memory_bytes));
    OD_TRY(append_gauge(out, "orthod_memory_free_bytes", "Memory for runs that no job holds.",
                        (double)call->cpu.memory_free_bytes));
    OD_TRY(append_gauge(out, "orthod_event_streams", "Open event streams.", (double)call->streams));
    OD_TRY(append_gauge(out, "orthod_uptime_seconds", "Time since the start.",
                        (double)call->uptime_ms / 1000));
    return od_buffer_printf(out,
                            "# HELP orthod_events_total Events ever told.\n"
                            "# TYPE orthod_events_total counter\n"
                            "orthod_events_total %" PRId64 "\n",
                            newest);
}

static od_status read_prometheus(sqlite3 *db, void *ctx, od_error *error) {
    prometheus_call *call = ctx;
    int64_t counts[OD_JOB_STATES];
    int64_t newest = 0;
    od_buffer out = {0};
    OD_TRY(od_jobs_count(db, 0, counts, error));
    OD_TRY(od_events_bounds(db, &newest, NULL, error));
    od_status status = append_all(call, counts, newest, &out);
    if (status == OD_OK) {
        call->base.response = od_api_respond(200, "text/plain; version=0.0.4; charset=utf-8", &out);
    }
    od_buffer_fini(&out);
    return status;
}

void od_api_prometheus_serve(od_request *request) {
    const od_daemon *daemon = od_api_daemon(request);
    prometheus_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call != NULL) {
        call->cpu = od_queue_devices(daemon->queue)->items[0];
        call->streams = od_hub_subscribers(daemon->hub);
        call->uptime_ms = (od_clock_monotonic_ns() - daemon->started_ns) / 1000000;
        od_api_read(&call->base, read_prometheus);
    }
}
