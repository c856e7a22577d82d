// SPDX-License-Identifier: Apache-2.0
// Tells a service manager how the daemon is, by systemd's protocol: that it serves, what it does,
// that it stops; and, as often as the manager's watchdog wants, that the loop runs. All of it is
// sent by the loop itself, so that a loop that hangs falls silent.
//
// Nothing is sent without $NOTIFY_SOCKET, or in a build without libsystemd. What cannot be sent is
// logged.
#ifndef OD_DAEMON_NOTIFY_H
#define OD_DAEMON_NOTIFY_H

#include "base/error.h"

#include <stddef.h>
#include <uv.h>

enum { OD_NOTIFY_STATUS_BYTES = 128 };

typedef struct od_notify od_notify;

// Writes one line for people, what the daemon does just now.
typedef void od_notify_describe(void *ctx, char out[OD_NOTIFY_STATUS_BYTES]);

// Starts to feed the watchdog, twice in each $WATCHDOG_USEC, when there is one.
od_status od_notify_new(uv_loop_t *loop, od_notify_describe *describe, void *ctx, od_notify **out,
                        od_error *error) OD_MUST_CHECK;

// READY=1, with the first line. To be called once requests are answered.
void od_notify_ready(od_notify *notify);
// The line may be another one: it is told soon, many changes at once, when it is.
void od_notify_changed(od_notify *notify);
// STOPPING=1. No line comes after it.
void od_notify_stopping(od_notify *notify);

// Its handle closes on the loop, then the memory is freed. NULL is fine.
void od_notify_close(od_notify *notify);

#endif
