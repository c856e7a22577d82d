// SPDX-License-Identifier: Apache-2.0
// Devices, or the whole server, that take no new runs. Those that run there go on to their ends.
#include "daemon/queue/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct drain_call {
    od_queue *queue;
    char device[OD_DEVICE_ID_BYTES]; // "": the whole server
    bool drained;
    od_store_done done;
    void *ctx;
} drain_call;

static od_status drain_work(sqlite3 *db, void *ctx, od_error *error) {
    const drain_call *call = ctx;
    return od_jobs_set_drained(db, call->device, call->drained, od_clock_wall_ms(), error);
}

void queue_set_drained(od_queue *queue, const char *device, bool drained) {
    int index = od_placement_index(&queue->devices, device);
    if (device[0] == '\0') {
        queue->drained = drained;
    } else if (index >= 0) {
        queue->devices.items[index].drained = drained;
    }
}

static void drained(void *ctx, od_status status, const od_error *error) {
    drain_call *call = ctx;
    od_queue *queue = call->queue;
    if (status == OD_OK) {
        od_log(OD_LOG_INFO, call->drained ? "drained" : "undrained", "device=%s",
               call->device[0] != '\0' ? call->device : "all");
        queue_set_drained(queue, call->device, call->drained);
        queue_schedule(queue);
    }
    call->done(call->ctx, status, error);
    queue_release(queue);
    free(call);
}

void od_queue_drain(od_queue *queue, const char *device, bool on, od_store_done done, void *ctx) {
    od_error error;
    if (device != NULL && od_placement_index(&queue->devices, device) < 0) {
        done(ctx, od_error_set(&error, OD_E_NOT_FOUND, "there is no device %s", device), &error);
        return;
    }
    drain_call *call = queue->closing ? NULL : calloc(1, sizeof *call);
    if (call == NULL) {
        od_status status = queue->closing
                               ? od_error_set(&error, OD_E_BUSY, "the server is stopping")
                               : od_error_set(&error, OD_E_NO_MEMORY, "no memory");
        done(ctx, status, &error);
        return;
    }
    *call = (drain_call){.queue = queue, .drained = on, .done = done, .ctx = ctx};
    snprintf(call->device, sizeof call->device, "%s", device != NULL ? device : "");
    queue_hold(queue);
    od_store_write(queue->config.store, drain_work, drained, call);
}

bool od_queue_is_drained(const od_queue *queue) {
    return queue->drained;
}
