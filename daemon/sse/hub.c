// SPDX-License-Identifier: Apache-2.0
// A subscriber is in one of these states; arrows name the function that does it.
//
//   opening  → sending  [opened: the first read is done, the request is answered]
//   sending  → reading  [on_read: events are wanted that the ring does not hold]
//   reading  → sending  [on_batch]
//   sending  → waiting  [on_read: told everything]
//   waiting  → sending  [wake: new events, or the heartbeat is due]
//   any      → gone     [on_close: the connection is over; freed once no read is under way]
//
// Invariant: the waiting list is in the order of `seen`, because a subscriber enters it at the tail
// with the current generation; so those that have not been looked at since the last publish are in
// front.
#include "daemon/sse/hub.h"

#include "daemon/http/problem.h"
#include "daemon/sse/ring.h"
#include "daemon/store/jobs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    RING_EVENTS = 1024,
    BATCH_EVENTS = 64,     // rows of one read from the database
    PENDING_BYTES = 16384, // taken from the ring at once
    WAKE_SLICE = 256,      // subscribers woken before the loop's other work has its turn
    HEARTBEAT_MS = 15000,
    TICK_MS = 1000,
};

typedef struct od_subscriber {
    od_hub *hub;
    od_request *request; // while opening, then NULL
    od_stream *stream;
    int64_t job;
    int64_t cursor;
    od_buffer pending; // on its way to the client, from sent on
    size_t sent;
    uint64_t last_ms; // when something was sent
    uint64_t seen;    // hub->generation at which it was looked at; while waiting
    bool behind;      // the database has more behind cursor
    bool reading;
    bool waiting;
    bool ended; // ends when pending is sent
    bool gone;
    TAILQ_ENTRY(od_subscriber) link; // in hub->waiting
} od_subscriber;

struct od_hub {
    uv_loop_t *loop;
    od_store *store;
    od_ring ring;
    int64_t newest;      // the newest event published; a read may see newer ones a moment earlier
    uint64_t generation; // counts calls of od_hub_publish
    size_t subscribers;
    size_t users; // subscribers and handles that point here; freed at 0
    bool closing;
    uv_idle_t wake;  // active while waiting subscribers have not been looked at
    uv_timer_t tick; // looks for due heartbeats
    TAILQ_HEAD(, od_subscriber) waiting;
};

// One read from the database, on a pool thread.
typedef struct od_batch {
    od_subscriber *subscriber;
    int64_t job;
    int64_t after; // OD_HUB_FROM_NOW too
    // out
    int64_t cursor;
    int64_t newest;
    bool job_ended;
    bool full; // there may be more behind cursor
    od_buffer frames;
} od_batch;

static void release(od_hub *hub) {
    if (--hub->users == 0) {
        od_ring_fini(&hub->ring);
        free(hub);
    }
}

// --- reading the journal ----------------------------------------------------------------------

static od_status append_rows(od_batch *batch, const od_event_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const od_event *event = &list->items[i];
        OD_TRY(od_ring_frame(&batch->frames, event->id, event->kind, event->data));
        batch->cursor = event->id;
    }
    return OD_OK;
}

static od_status read_rows(sqlite3 *db, od_batch *batch, od_error *error) {
    od_event_list list = {0};
    od_status status = od_events_after(db, batch->job, batch->after, BATCH_EVENTS, &list, error);
    if (status == OD_OK) {
        batch->full = list.count == BATCH_EVENTS;
        status = append_rows(batch, &list);
    }
    if (status == OD_OK && !batch->full) {
        batch->cursor = batch->newest; // what else there is belongs to other jobs
    }
    od_event_list_fini(&list);
    return status;
}

static od_status read_batch(sqlite3 *db, void *ctx, od_error *error) {
    od_batch *batch = ctx;
    int64_t gone = 0;
    if (batch->job != 0) {
        od_job job = {0};
        OD_TRY(od_jobs_get(db, batch->job, &job, error));
        batch->job_ended = od_job_state_ended(job.state);
        od_job_fini(&job);
    }
    OD_TRY(od_events_bounds(db, &batch->newest, &gone, error));
    if (batch->after == OD_HUB_FROM_NOW) {
        batch->cursor = batch->newest;
        return OD_OK;
    }
    if (batch->after == 0) {
        batch->after = gone;
    }
    if (batch->after < gone || batch->after > batch->newest) {
        batch->cursor = batch->newest;
        return od_ring_frame(&batch->frames, batch->newest, "reset", "{}");
    }
    return read_rows(db, batch, error);
}

static void free_batch(od_batch *batch) {
    od_buffer_fini(&batch->frames);
    free(batch);
}

static bool start_read(od_subscriber *subscriber, int64_t after, od_store_done done) {
    od_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return false;
    }
    *batch = (od_batch){.subscriber = subscriber, .job = subscriber->job, .after = after};
    subscriber->reading = true;
    od_store_read(subscriber->hub->store, read_batch, done, batch);
    return true;
}

// Moves what was read to the subscriber.
static void take_batch(od_subscriber *subscriber, od_batch *batch) {
    subscriber->cursor = batch->cursor;
    subscriber->behind = batch->full;
    if (od_buffer_append(&subscriber->pending, batch->frames.data, batch->frames.size) != OD_OK) {
        subscriber->ended = true; // the client comes back with the last id it got
    }
    if (batch->job_ended && !batch->full) {
        subscriber->ended = true;
    }
}

// --- a subscriber -----------------------------------------------------------------------------

static void free_subscriber(od_subscriber *subscriber) {
    od_hub *hub = subscriber->hub;
    od_buffer_fini(&subscriber->pending);
    free(subscriber);
    hub->subscribers--;
    release(hub);
}

static void on_close(void *context) {
    od_subscriber *subscriber = context;
    if (subscriber->waiting) {
        TAILQ_REMOVE(&subscriber->hub->waiting, subscriber, link);
    }
    subscriber->gone = true;
    if (!subscriber->reading) {
        free_subscriber(subscriber);
    }
}

static void on_batch(void *ctx, od_status status, const od_error *error) {
    (void)error;
    od_batch *batch = ctx;
    od_subscriber *subscriber = batch->subscriber;
    subscriber->reading = false;
    if (subscriber->gone) {
        free_subscriber(subscriber);
    } else {
        if (status == OD_OK) {
            take_batch(subscriber, batch);
        } else {
            subscriber->ended = true;
        }
        od_stream_wake(subscriber->stream);
    }
    free_batch(batch);
}

// Copies events from the ring to pending, as many as fit a block and at least one.
static void take_from_ring(od_subscriber *subscriber) {
    od_hub *hub = subscriber->hub;
    while (subscriber->pending.size < PENDING_BYTES && !subscriber->ended) {
        const od_ring_entry *entry = od_ring_next(&hub->ring, subscriber->job, subscriber->cursor);
        if (entry == NULL) {
            subscriber->behind = false;
            if (subscriber->cursor < hub->newest) {
                subscriber->cursor = hub->newest;
            }
            return;
        }
        if (od_buffer_append(&subscriber->pending, entry->frame, entry->size) != OD_OK) {
            subscriber->ended = true;
            return;
        }
        subscriber->cursor = entry->id;
        subscriber->ended = subscriber->job != 0 && entry->final;
    }
}

static ssize_t send_pending(od_subscriber *subscriber, char *out, size_t max) {
    size_t left = subscriber->pending.size - subscriber->sent;
    size_t size = left < max ? left : max;
    memcpy(out, subscriber->pending.data + subscriber->sent, size);
    subscriber->sent += size;
    if (subscriber->sent == subscriber->pending.size) {
        od_buffer_fini(&subscriber->pending); // an idle subscriber keeps no memory
        subscriber->sent = 0;
    }
    subscriber->last_ms = uv_now(subscriber->hub->loop);
    return (ssize_t)size;
}

static void enter_waiting(od_subscriber *subscriber) {
    subscriber->seen = subscriber->hub->generation;
    TAILQ_INSERT_TAIL(&subscriber->hub->waiting, subscriber, link);
}

static bool heartbeat_due(const od_subscriber *subscriber) {
    return uv_now(subscriber->hub->loop) - subscriber->last_ms >= HEARTBEAT_MS;
}

static ssize_t on_read(void *context, char *out, size_t max) {
    od_subscriber *subscriber = context;
    od_hub *hub = subscriber->hub;
    bool idle = subscriber->pending.size == 0 && !subscriber->ended && !subscriber->reading;
    if (idle && (subscriber->behind || subscriber->cursor < hub->newest)) {
        if (od_ring_covers(&hub->ring, subscriber->cursor)) {
            take_from_ring(subscriber);
        } else if (!start_read(subscriber, subscriber->cursor, on_batch)) {
            subscriber->ended = true;
        }
    }
    if (subscriber->pending.size == 0 && !subscriber->ended && heartbeat_due(subscriber) &&
        od_buffer_append_text(&subscriber->pending, ": still here\n\n") != OD_OK) {
        subscriber->ended = true;
    }
    if (subscriber->pending.size > 0) {
        return send_pending(subscriber, out, max);
    }
    if (subscriber->ended) {
        return OD_STREAM_END;
    }
    if (!subscriber->reading) {
        subscriber->waiting = true;
        enter_waiting(subscriber);
    }
    return OD_STREAM_WAIT;
}

static void wake(od_subscriber *subscriber) {
    TAILQ_REMOVE(&subscriber->hub->waiting, subscriber, link);
    subscriber->waiting = false;
    od_stream_wake(subscriber->stream);
}

// --- opening ----------------------------------------------------------------------------------

// *owned says whether the stream owns the subscriber now, also when it is gone already.
static od_response *open_stream(od_subscriber *subscriber, bool *owned) {
    od_stream *stream = NULL;
    subscriber->last_ms = uv_now(subscriber->hub->loop);
    od_response *response =
        od_response_stream("text/event-stream", on_read, on_close, subscriber, &stream);
    *owned = stream != NULL;
    if (response == NULL) {
        return NULL;
    }
    subscriber->stream = stream;
    return od_response_header(response, "X-Accel-Buffering", "no");
}

static void opened(void *ctx, od_status status, const od_error *error) {
    od_batch *batch = ctx;
    od_subscriber *subscriber = batch->subscriber;
    od_request *request = subscriber->request;
    od_response *response = NULL;
    bool nothing_left = status == OD_OK && batch->job_ended && batch->frames.size == 0;
    bool owned = false;
    subscriber->reading = false;
    subscriber->request = NULL;
    if (status != OD_OK) {
        response = od_problem_from_error(request, error);
    } else if (nothing_left) {
        response = od_response_empty(204);
    } else if (od_buffer_append_text(&subscriber->pending, "retry: 2000\n\n") == OD_OK) {
        take_batch(subscriber, batch);
        response = open_stream(subscriber, &owned);
    }
    if (!owned) {
        free_subscriber(subscriber);
    }
    od_request_answer(request, response);
    free_batch(batch);
}

void od_hub_answer(od_hub *hub, od_request *request, int64_t job, int64_t after) {
    od_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (subscriber == NULL) {
        od_request_answer(request, NULL);
        return;
    }
    subscriber->hub = hub;
    subscriber->request = request;
    subscriber->job = job;
    hub->subscribers++;
    hub->users++;
    if (!start_read(subscriber, after, opened)) {
        free_subscriber(subscriber);
        od_request_answer(request, NULL);
    }
}

// --- the hub ----------------------------------------------------------------------------------

// Whether nothing published concerns a waiting subscriber; its cursor moves on then.
static bool is_told(od_subscriber *subscriber) {
    od_hub *hub = subscriber->hub;
    if (subscriber->cursor >= hub->newest) {
        return true;
    }
    if (!od_ring_covers(&hub->ring, subscriber->cursor) ||
        od_ring_next(&hub->ring, subscriber->job, subscriber->cursor) != NULL) {
        return false;
    }
    subscriber->cursor = hub->newest;
    return true;
}

// Wakes a slice of those that are behind; one that waits for another job's events moves on
// without being woken.
static void on_wake(uv_idle_t *idle) {
    od_hub *hub = idle->data;
    for (int i = 0; i < WAKE_SLICE; i++) {
        od_subscriber *first = TAILQ_FIRST(&hub->waiting);
        if (first == NULL || first->seen == hub->generation) {
            uv_idle_stop(idle);
            return;
        }
        if (is_told(first)) {
            TAILQ_REMOVE(&hub->waiting, first, link);
            enter_waiting(first);
        } else {
            wake(first);
        }
    }
}

static void on_tick(uv_timer_t *timer) {
    od_hub *hub = timer->data;
    od_subscriber *next = NULL;
    for (od_subscriber *each = TAILQ_FIRST(&hub->waiting); each != NULL; each = next) {
        next = TAILQ_NEXT(each, link);
        if (heartbeat_due(each)) {
            wake(each);
        }
    }
}

od_status od_hub_new(uv_loop_t *loop, od_store *store, od_hub **out, od_error *error) {
    od_hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL || od_ring_init(&hub->ring, RING_EVENTS) != OD_OK) {
        free(hub);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the event streams");
    }
    hub->loop = loop;
    hub->store = store;
    hub->users = 2; // wake and tick
    TAILQ_INIT(&hub->waiting);
    uv_idle_init(loop, &hub->wake);
    uv_timer_init(loop, &hub->tick);
    hub->wake.data = hub;
    hub->tick.data = hub;
    uv_timer_start(&hub->tick, on_tick, TICK_MS, TICK_MS);
    *out = hub;
    return OD_OK;
}

static void keep(od_hub *hub, const od_event *event) {
    od_buffer frame = {0};
    if (od_ring_frame(&frame, event->id, event->kind, event->data) != OD_OK) {
        od_buffer_fini(&frame);
        od_ring_clear(&hub->ring); // a ring with a hole would lose it; the database has it
        return;
    }
    size_t size = frame.size;
    od_ring_push(&hub->ring, event->id, event->job, event->final, od_buffer_take(&frame), size);
}

void od_hub_publish(od_hub *hub, const od_event *events, size_t count) {
    if (hub->closing) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        keep(hub, &events[i]);
        hub->newest = events[i].id > hub->newest ? events[i].id : hub->newest;
    }
    hub->generation++;
    uv_idle_start(&hub->wake, on_wake);
}

size_t od_hub_subscribers(const od_hub *hub) {
    return hub->subscribers;
}

static void on_handle_closed(uv_handle_t *handle) {
    release(handle->data);
}

void od_hub_close(od_hub *hub) {
    if (hub == NULL) {
        return;
    }
    hub->closing = true;
    uv_close((uv_handle_t *)&hub->wake, on_handle_closed);
    uv_close((uv_handle_t *)&hub->tick, on_handle_closed);
}
