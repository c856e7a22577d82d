// SPDX-License-Identifier: Apache-2.0
// Follows a growing file and hands out its whole lines in bounded batches. Woken by inotify, and
// once a second all the same, for file systems that tell of no changes. Reads on the thread pool.
#ifndef OD_DAEMON_EXEC_TAIL_H
#define OD_DAEMON_EXEC_TAIL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum { OD_TAIL_BATCH_BYTES = 262144 }; // also the longest line; a longer one comes in pieces

typedef struct od_tail od_tail;

typedef struct od_tail_config {
    uv_loop_t *loop;
    const char *path; // may not be there yet
    int64_t offset;   // of the first byte that is wanted
    // Whole lines, each with its newline, at offset in the file. Nothing more comes until
    // od_tail_accept or od_tail_refuse, which may be called inside or later; until then the bytes
    // stay valid and may be read by another thread.
    void (*on_lines)(void *ctx, const char *bytes, size_t size, int64_t offset);
    // After od_tail_finish: every whole line has been accepted. Once.
    void (*on_end)(void *ctx);
    void *ctx;
} od_tail_config;

od_status od_tail_new(const od_tail_config *config, od_tail **out, od_error *error) OD_MUST_CHECK;

// The lines are dealt with: on to the next ones.
void od_tail_accept(od_tail *tail);
// They could not be dealt with now: the same bytes come again within about a second.
void od_tail_refuse(od_tail *tail);
// Nobody writes any more: read to the end, then call on_end.
void od_tail_finish(od_tail *tail);

// Not while lines are handed out. No callback comes afterwards. Frees on the loop. NULL is fine.
void od_tail_close(od_tail *tail);

#endif
