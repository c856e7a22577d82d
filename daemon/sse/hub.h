// SPDX-License-Identifier: Apache-2.0
// The hub of the event streams: gets every event right after its commit and hands it to the
// subscribers.
//
// A subscriber is a cursor into the journal of events: the id of the last one it was told. What is
// behind the cursor comes from a ring of the newest events, or from the database when the ring no
// longer reaches back so far. So a slow reader costs no memory, and between replay and live there
// is no seam to lose or double an event in.
#ifndef OD_DAEMON_SSE_HUB_H
#define OD_DAEMON_SSE_HUB_H

#include "base/error.h"
#include "daemon/http/http.h"
#include "daemon/store/events.h"
#include "daemon/store/store.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct od_hub od_hub;

enum { OD_HUB_FROM_NOW = -1 };

od_status od_hub_new(uv_loop_t *loop, od_store *store, od_hub **out, od_error *error) OD_MUST_CHECK;

// Called by the queue on the loop's thread, with ids ascending from call to call. The events are
// borrowed for the call. Never blocks.
void od_hub_publish(od_hub *hub, const od_event *events, size_t count);

// Answers request with the events of job (0: of all jobs) behind event `after` (0: all that are
// kept; OD_HUB_FROM_NOW: those to come). A job's stream ends after its final event; 204 when the
// job has ended and there is nothing left to tell, 404 when there is no such job.
void od_hub_answer(od_hub *hub, od_request *request, int64_t job, int64_t after);

// Open streams.
size_t od_hub_subscribers(const od_hub *hub);

// Its handles close on the loop, then the memory is freed. To be called after the HTTP side has
// been closed, which ends the streams. NULL is fine.
void od_hub_close(od_hub *hub);

#endif
