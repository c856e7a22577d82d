// SPDX-License-Identifier: Apache-2.0
// In brackets: the one beside this file is another.
#include <config.h>

#include "daemon/notify.h"

#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum {
    STATUS_MS = 200, // jobs that start together make one line
    US_PER_MS = 1000,
};

struct od_notify {
    uv_timer_t watchdog;
    uv_timer_t status;
    int open_handles;
    od_notify_describe *describe;
    void *ctx;
    bool ready;
    bool stopping;
    char told[OD_NOTIFY_STATUS_BYTES];
};

static void send_state(const char *state) {
#ifdef HAVE_SYSTEMD
    int sent = sd_notify(false, state);
    if (sent < 0) {
        od_log(OD_LOG_WARNING, "cannot tell the service manager", "reason=\"%s\"", strerror(-sent));
    }
#else
    (void)state;
#endif
}

static uint64_t watchdog_us(void) {
    uint64_t us = 0;
#ifdef HAVE_SYSTEMD
    if (sd_watchdog_enabled(false, &us) <= 0) {
        return 0;
    }
#endif
    return us;
}

static void on_watchdog(uv_timer_t *timer) {
    (void)timer;
    send_state("WATCHDOG=1");
}

// Whether there is a line that was not told yet; it counts as told then.
static bool next_line(od_notify *notify) {
    char line[OD_NOTIFY_STATUS_BYTES];
    notify->describe(notify->ctx, line);
    if (strcmp(line, notify->told) == 0) {
        return false;
    }
    memcpy(notify->told, line, sizeof line);
    return true;
}

static void on_status(uv_timer_t *timer) {
    od_notify *notify = timer->data;
    char state[sizeof "STATUS=" + OD_NOTIFY_STATUS_BYTES];
    if (!notify->stopping && next_line(notify)) {
        snprintf(state, sizeof state, "STATUS=%s", notify->told);
        send_state(state);
    }
}

od_status od_notify_new(uv_loop_t *loop, od_notify_describe *describe, void *ctx, od_notify **out,
                        od_error *error) {
    od_notify *notify = calloc(1, sizeof *notify);
    if (notify == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the service manager");
    }
    notify->describe = describe;
    notify->ctx = ctx;
    notify->watchdog.data = notify;
    notify->status.data = notify;
    notify->open_handles = 2;
    uv_timer_init(loop, &notify->watchdog);
    uv_timer_init(loop, &notify->status);
    uint64_t half_ms = watchdog_us() / US_PER_MS / 2;
    if (half_ms > 0) {
        uv_timer_start(&notify->watchdog, on_watchdog, half_ms, half_ms);
    }
    *out = notify;
    return OD_OK;
}

void od_notify_ready(od_notify *notify) {
    char state[sizeof "READY=1\nSTATUS=" + OD_NOTIFY_STATUS_BYTES];
    notify->ready = true;
    (void)next_line(notify);
    snprintf(state, sizeof state, "READY=1\nSTATUS=%s", notify->told);
    send_state(state);
}

void od_notify_changed(od_notify *notify) {
    if (notify->ready && !notify->stopping && !uv_is_active((uv_handle_t *)&notify->status)) {
        uv_timer_start(&notify->status, on_status, STATUS_MS, 0);
    }
}

void od_notify_stopping(od_notify *notify) {
    notify->stopping = true;
    send_state("STOPPING=1\nSTATUS=stopping; workers go on");
}

static void on_closed(uv_handle_t *handle) {
    od_notify *notify = handle->data;
    if (--notify->open_handles == 0) {
        free(notify);
    }
}

void od_notify_close(od_notify *notify) {
    if (notify != NULL) {
        uv_close((uv_handle_t *)&notify->watchdog, on_closed);
        uv_close((uv_handle_t *)&notify->status, on_closed);
    }
}
