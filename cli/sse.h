// SPDX-License-Identifier: Apache-2.0
// Reads an event stream (text/event-stream) from parts of any size.
#ifndef OD_CLI_SSE_H
#define OD_CLI_SSE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

typedef void (*od_sse_sink)(void *ctx, const char *event, const char *data);

// {.sink, .ctx} is a reader at the beginning of a stream.
typedef struct od_sse {
    od_sse_sink sink;
    void *ctx;
    int64_t last_id; // of the last whole event
    int64_t next_id; // of the one being read
    char event[32];
    od_buffer line;
    od_buffer data;
} od_sse;

// Gives each event that is complete to the sink. Comments and unknown fields are passed over.
od_status od_sse_feed(od_sse *sse, const char *bytes, size_t size) OD_MUST_CHECK;

// Forgets a half event, before a new stream; last_id stays.
void od_sse_restart(od_sse *sse);
void od_sse_fini(od_sse *sse);

#endif
