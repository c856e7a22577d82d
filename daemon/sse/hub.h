// SPDX-License-Identifier: Apache-2.0
// The hub of the event streams: gets every event right after its commit and hands it to the
// subscribers.
#ifndef OD_DAEMON_SSE_HUB_H
#define OD_DAEMON_SSE_HUB_H

#include "base/error.h"
#include "daemon/store/events.h"
#include "daemon/store/store.h"

#include <stddef.h>
#include <uv.h>

typedef struct od_hub od_hub;

od_status od_hub_new(uv_loop_t *loop, od_store *store, od_hub **out, od_error *error) OD_MUST_CHECK;

// Called by the queue on the loop's thread, with ids ascending from call to call. The events are
// borrowed for the call. Never blocks.
void od_hub_publish(od_hub *hub, const od_event *events, size_t count);

// Ends all streams. Its handles close on the loop, then the memory is freed. NULL is fine.
void od_hub_close(od_hub *hub);

#endif
