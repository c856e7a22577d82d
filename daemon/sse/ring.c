// SPDX-License-Identifier: Apache-2.0
#include "daemon/sse/ring.h"

#include <inttypes.h>
#include <stdlib.h>

od_status od_ring_init(od_ring *ring, size_t capacity) {
    *ring = (od_ring){.capacity = capacity};
    ring->entries = calloc(capacity, sizeof *ring->entries);
    return ring->entries != NULL ? OD_OK : OD_E_NO_MEMORY;
}

void od_ring_fini(od_ring *ring) {
    if (ring->entries != NULL) {
        od_ring_clear(ring);
    }
    free(ring->entries);
    *ring = (od_ring){0};
}

static od_ring_entry *at(const od_ring *ring, size_t index) {
    return &ring->entries[(ring->first + index) % ring->capacity];
}

static void drop_oldest(od_ring *ring) {
    od_ring_entry *oldest = at(ring, 0);
    ring->before = oldest->id;
    free(oldest->frame);
    *oldest = (od_ring_entry){0};
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
}

void od_ring_push(od_ring *ring, int64_t id, int64_t job, bool final, char *frame_take,
                  size_t size) {
    if (ring->count == 0) {
        ring->before = id - 1;
    } else if (ring->count == ring->capacity) {
        drop_oldest(ring);
    }
    *at(ring, ring->count++) =
        (od_ring_entry){.id = id, .job = job, .final = final, .frame = frame_take, .size = size};
}

void od_ring_clear(od_ring *ring) {
    while (ring->count > 0) {
        drop_oldest(ring);
    }
}

bool od_ring_covers(const od_ring *ring, int64_t cursor) {
    return ring->count > 0 && cursor >= ring->before;
}

// Index of the first entry with id > cursor; count when there is none.
static size_t search(const od_ring *ring, int64_t cursor) {
    size_t low = 0;
    size_t high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at(ring, middle)->id > cursor) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

const od_ring_entry *od_ring_next(const od_ring *ring, int64_t job, int64_t cursor) {
    for (size_t i = search(ring, cursor); i < ring->count; i++) {
        const od_ring_entry *entry = at(ring, i);
        if (job == 0 || entry->job == job) {
            return entry;
        }
    }
    return NULL;
}

od_status od_ring_frame(od_buffer *out, int64_t id, const char *kind, const char *data) {
    return od_buffer_printf(out, "id: %" PRId64 "\nevent: %s\ndata: %s\n\n", id, kind, data);
}
