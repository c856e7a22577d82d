// SPDX-License-Identifier: Apache-2.0
// The newest events as they go over the wire, kept for subscribers that are nearly up to date.
// Subscribers are positions in it, not queues: how many there are costs it nothing.
#ifndef OD_SSE_RING_H
#define OD_SSE_RING_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct od_ring_entry {
    int64_t id;
    int64_t job;
    bool final; // the last of its job
    char *frame;
    size_t size;
} od_ring_entry;

typedef struct od_ring {
    od_ring_entry *entries;
    size_t capacity;
    size_t first; // index of the oldest
    size_t count;
    int64_t before; // the ring holds every event with id > before; without meaning while empty
} od_ring;

od_status od_ring_init(od_ring *ring, size_t capacity) OD_MUST_CHECK;
void od_ring_fini(od_ring *ring);

// Appends an event whose id is larger than all before, and drops the oldest when full. frame is
// taken. Gaps between ids are fine: nothing was ever committed there.
void od_ring_push(od_ring *ring, int64_t id, int64_t job, bool final, char *frame_take,
                  size_t size);

// Forgets everything, as after an event that could not be kept.
void od_ring_clear(od_ring *ring);

// Whether every event behind cursor is here.
bool od_ring_covers(const od_ring *ring, int64_t cursor);

// The oldest event with id > cursor of job (0: of all), or NULL. Valid until the next push.
const od_ring_entry *od_ring_next(const od_ring *ring, int64_t job, int64_t cursor);

// Appends one event as text/event-stream has it: id, event and data lines and an empty one. data
// is one line.
od_status od_ring_frame(od_buffer *out, int64_t id, const char *kind,
                        const char *data) OD_MUST_CHECK;

#endif
