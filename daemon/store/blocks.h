// SPDX-License-Identifier: Apache-2.0
// Roll-ups of the points of a series: every OD_BLOCK_POINTS consecutive ones of an attempt are also
// a row of `blocks`, with their count, least, greatest and last. So a curve of any length comes
// down to some thousand points without reading all of them. These functions run inside work
// functions of the store.
//
// The blocks of an attempt cover its points from the first one on without a gap; behind the last
// block come fewer than OD_BLOCK_POINTS, or, in a series that was begun before there were blocks,
// any number.
#ifndef OD_DAEMON_STORE_BLOCKS_H
#define OD_DAEMON_STORE_BLOCKS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { OD_BLOCK_POINTS = 128 };

typedef struct od_point {
    int64_t step;
    double value;
} od_point;

// Consecutive points. low and high leave NaN out; they are NaN when there is nothing else.
typedef struct od_span {
    int64_t count; // 0: nothing else is set
    int64_t first_step;
    od_point low, high, last;
} od_span;

od_span od_span_of(const od_point *point);
// Appends next, which comes behind span. Of equal extremes the first one stays.
void od_span_append(od_span *span, const od_span *next);

// Writes the blocks of all points of the attempt that are in none yet; fewer than OD_BLOCK_POINTS
// of them, *left, stay without.
od_status od_blocks_close(sqlite3 *db, int64_t series, int64_t attempt, int64_t *left,
                          od_error *error) OD_MUST_CHECK;

// To be called when a point comes that is not behind all others: takes the blocks away that it
// would lie in or before. Its points are read one by one until the next od_blocks_close.
od_status od_blocks_open(sqlite3 *db, int64_t series, int64_t attempt, int64_t step,
                         od_error *error) OD_MUST_CHECK;

// The blocks that lie within the steps (after, to] of an attempt, in their order.
typedef od_status (*od_span_visit)(void *ctx, const od_span *span, od_error *error);
od_status od_blocks_walk(sqlite3 *db, int64_t series, int64_t attempt, int64_t after, int64_t to,
                         od_span_visit visit, void *ctx, od_error *error) OD_MUST_CHECK;

#endif
