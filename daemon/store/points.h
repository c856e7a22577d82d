// SPDX-License-Identifier: Apache-2.0
// Series and their points. These functions run inside work functions of the store.
//
// A point belongs to a series (job, name) and to an attempt. Attempt b starts from from_step(b);
// of an earlier attempt a the curve has the points with
//     step <= min { from_step(b) : b > a },
// so nothing is deleted, and a resumed run has no double points. A value that is NaN is stored as
// NULL and read as NaN.
#ifndef OD_DAEMON_STORE_POINTS_H
#define OD_DAEMON_STORE_POINTS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

// The summary of a curve. min and max leave NaN out; they are NaN (and their steps 0) when there
// is nothing else.
typedef struct od_series {
    int64_t id;
    int64_t job;
    char *name;
    double last, min, max;
    int64_t last_step, min_step, max_step;
    int64_t count;
} od_series;

typedef struct od_series_list {
    od_series *items;
    size_t count;
} od_series_list;

void od_series_list_fini(od_series_list *list);

// All series of a job that have points, by name.
od_status od_points_series(sqlite3 *db, int64_t job, od_series_list *out,
                           od_error *error) OD_MUST_CHECK;

typedef struct od_curve {
    int64_t *steps; // size entries, ascending
    double *values;
    size_t size;
    int64_t count; // points in the range before downsampling
} od_curve;

void od_curve_fini(od_curve *curve);

// The points of a series with from_step <= step <= to_step, ascending. When there are more than
// max_points (0: no limit), the range of points is cut into equal buckets of which each keeps its
// minimum, its maximum and its last point, at most max_points in all (at least 3).
od_status od_points_curve(sqlite3 *db, int64_t series, int64_t from_step, int64_t to_step,
                          size_t max_points, od_curve *out, od_error *error) OD_MUST_CHECK;

// Adds a point; one that is there already (same attempt and step) stays as it was. Keeps the
// series' row up to date, as long as steps ascend within an attempt.
od_status od_points_add(sqlite3 *db, int64_t job, int64_t attempt, const char *name, int64_t step,
                        double value, od_error *error) OD_MUST_CHECK;

// To be called when an attempt has stated the step it starts from (attempts.from_step): computes
// the rows of the job's series anew.
od_status od_points_recount(sqlite3 *db, int64_t job, od_error *error) OD_MUST_CHECK;

#endif
