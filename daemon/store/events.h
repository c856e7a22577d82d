// SPDX-License-Identifier: Apache-2.0
// The journal that the event streams tell: one counter for the whole server, never reused; the
// newest OD_EVENTS_KEPT are kept. These functions run inside work functions of the store; what
// they appended is published on the loop after the commit, in the order of ids.
#ifndef OD_DAEMON_STORE_EVENTS_H
#define OD_DAEMON_STORE_EVENTS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OD_EVENTS_KEPT = 100000 };

// A job's final event is a `state` event whose state has ended.
typedef struct od_event {
    int64_t id;
    int64_t job;
    const char *kind; // "state", "metrics", "progress", "log": static, not owned
    char *data;       // JSON object on one line, as docs/api.md has it
    bool final;       // tells the state a job ended in
} od_event;

typedef struct od_event_list {
    od_event *items;
    size_t count;
    size_t capacity;
} od_event_list;

void od_event_list_fini(od_event_list *list);

// Where committed events go. publish runs on the loop; the events are borrowed for the call.
typedef struct od_event_sink {
    void (*publish)(void *ctx, const od_event *events, size_t count);
    void *ctx;
} od_event_sink;

// Stores an event and appends it, with its id, to list. kind is static; data is taken in every
// case (free).
od_status od_events_append(sqlite3 *db, od_event_list *list, int64_t job, const char *kind,
                           char *data_take, bool final, od_error *error) OD_MUST_CHECK;

// Events with id > after, ascending, of one job (0: of all), at most limit, appended to out.
od_status od_events_after(sqlite3 *db, int64_t job, int64_t after, size_t limit, od_event_list *out,
                          od_error *error) OD_MUST_CHECK;

// The id of the newest event ever (0: none yet), and the id of the newest one that is no longer
// kept (0: all are). after < *gone means that events were missed. Either may be NULL.
od_status od_events_bounds(sqlite3 *db, int64_t *newest, int64_t *gone,
                           od_error *error) OD_MUST_CHECK;

// Deletes all but the newest keep events.
od_status od_events_prune(sqlite3 *db, int64_t keep, od_error *error) OD_MUST_CHECK;

#endif
