// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MODEL_BYTES = 256 };

// "model name : AMD EPYC ..." of /proc/cpuinfo; machines without such a line get "CPU".
static void read_model(char out[MODEL_BYTES]) {
    char line[1024];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, MODEL_BYTES, "CPU");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            colon += 1 + strspn(colon + 1, " \t");
            snprintf(out, MODEL_BYTES, "%.*s", (int)strcspn(colon, "\n"), colon);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static cJSON *cpu_json(const od_daemon *daemon, const od_device *device) {
    char model[MODEL_BYTES];
    read_model(model);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double threads = (double)daemon->config->default_threads;
    double for_runs = (double)device->memory_bytes;
    double free_bytes = (double)device->memory_free_bytes;
    cJSON *cpu = cJSON_CreateObject();
    bool whole = cJSON_AddStringToObject(cpu, "id", device->id) != NULL &&
                 cJSON_AddStringToObject(cpu, "kind", "cpu") != NULL &&
                 cJSON_AddStringToObject(cpu, "model", model) != NULL &&
                 cJSON_AddNumberToObject(cpu, "slots", (double)device->slots) != NULL &&
                 cJSON_AddNumberToObject(cpu, "slots_free", (double)device->slots_free) != NULL &&
                 cJSON_AddNumberToObject(cpu, "default_threads", threads) != NULL &&
                 cJSON_AddNumberToObject(cpu, "memory_bytes", memory) != NULL &&
                 cJSON_AddNumberToObject(cpu, "memory_for_runs_bytes", for_runs) != NULL &&
                 cJSON_AddNumberToObject(cpu, "memory_free_bytes", free_bytes) != NULL &&
                 cJSON_AddBoolToObject(cpu, "drained", device->drained) != NULL;
    if (!whole) {
        cJSON_Delete(cpu);
        return NULL;
    }
    return cpu;
}

void od_api_devices_serve(od_request *request) {
    cJSON *body = cJSON_CreateObject();
    bool drained = od_queue_is_drained(od_api_daemon(request)->queue);
    cJSON *list = cJSON_AddBoolToObject(body, "drained", drained) != NULL
                      ? cJSON_AddArrayToObject(body, "devices")
                      : NULL;
    const od_daemon *daemon = od_api_daemon(request);
    bool whole = od_api_append(list, cpu_json(daemon, &od_queue_devices(daemon->queue)->items[0]));
    od_request_answer(request, od_response_json(200, whole ? body : NULL));
    cJSON_Delete(body);
}

// --- drain and undrain ------------------------------------------------------------------------

static void on_drained(void *ctx, od_status status, const od_error *error) {
    od_api_call *call = ctx;
    od_request *request = call->request;
    if (status != OD_OK) {
        od_api_fail(call, error);
        return;
    }
    free(call);
    od_api_devices_serve(request);
}

// device NULL: the whole server.
static void drain(od_request *request, const char *device, bool on) {
    od_api_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call != NULL) {
        od_queue_drain(od_api_daemon(request)->queue, device, on, on_drained, call);
    }
}

void od_api_devices_drain(od_request *request) {
    drain(request, od_request_segment(request, 3), true);
}

void od_api_devices_undrain(od_request *request) {
    drain(request, od_request_segment(request, 3), false);
}

void od_api_server_drain(od_request *request) {
    drain(request, NULL, true);
}

void od_api_server_undrain(od_request *request) {
    drain(request, NULL, false);
}
