// SPDX-License-Identifier: Apache-2.0
// Reading a series along its steps. These functions run inside work functions of the store.
//
// A point belongs to an attempt. Attempt b starts from from_step(b); of an earlier attempt a the
// curve has the points with
//     step <= min { from_step(b) : b > a },
// so nothing is deleted, and a resumed run has no double points. A value that is NaN is stored as
// NULL and read as NaN.
#ifndef OD_DAEMON_STORE_CURVE_H
#define OD_DAEMON_STORE_CURVE_H

#include "daemon/store/blocks.h"

#include <stddef.h>

typedef struct od_curve {
    int64_t *steps; // size entries, ascending
    double *values;
    size_t size;
    int64_t count; // points in the range before downsampling
} od_curve;

void od_curve_fini(od_curve *curve);

// The points of a series with from_step <= step <= to_step, ascending. When there are more than
// max_points (0: no limit), the range of points is cut into equal buckets of which each keeps its
// minimum, its maximum and its last point, at most max_points in all (at least 3). The edges of
// buckets that hold OD_BLOCK_POINTS or more lie between blocks, so they may be that much off.
od_status od_curve_read(sqlite3 *db, int64_t series, int64_t from_step, int64_t to_step,
                        size_t max_points, od_curve *out, od_error *error) OD_MUST_CHECK;

// The whole curve as one span; its count is 0 when there is none.
od_status od_curve_summarize(sqlite3 *db, int64_t series, od_span *out,
                             od_error *error) OD_MUST_CHECK;

#endif
