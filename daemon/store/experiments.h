// SPDX-License-Identifier: Apache-2.0
// Rows of the table experiments. These functions run inside work functions of the store; an
// experiment and its jobs are made by od_queue_submit. Its jobs: od_jobs_list with the filter.
#ifndef OD_DAEMON_STORE_EXPERIMENTS_H
#define OD_DAEMON_STORE_EXPERIMENTS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

typedef struct od_experiment {
    int64_t id;
    char *name;
    char *base; // JSON, the spec as it was posted
    char *vary; // JSON object
    int64_t created_at_ms;
} od_experiment;

typedef struct od_experiment_list {
    od_experiment *items;
    size_t count;
} od_experiment_list;

void od_experiment_fini(od_experiment *experiment);
void od_experiment_list_fini(od_experiment_list *list);

// OD_E_NOT_FOUND when there is none.
od_status od_experiments_get(sqlite3 *db, int64_t id, od_experiment *out,
                             od_error *error) OD_MUST_CHECK;

// Newest first; before_id 0: from the newest; limit 0: no limit.
od_status od_experiments_list(sqlite3 *db, int64_t before_id, size_t limit, od_experiment_list *out,
                              od_error *error) OD_MUST_CHECK;

od_status od_experiments_insert(sqlite3 *db, const char *name, const char *base, const char *vary,
                                int64_t created_at_ms, int64_t *id, od_error *error) OD_MUST_CHECK;

#endif
