// SPDX-License-Identifier: Apache-2.0
// Series and their points. These functions run inside work functions of the store.
// Which points make up a curve says daemon/store/curve.h.
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

// Adds a point; one that is there already (same attempt and step) stays as it was. Keeps the
// series' row and blocks up to date.
od_status od_points_add(sqlite3 *db, int64_t job, int64_t attempt, const char *name, int64_t step,
                        double value, od_error *error) OD_MUST_CHECK;

// To be called when an attempt has stated the step it starts from (attempts.from_step): computes
// the rows of the job's series anew.
od_status od_points_recount(sqlite3 *db, int64_t job, od_error *error) OD_MUST_CHECK;

#endif
