// SPDX-License-Identifier: Apache-2.0
// What a run measures between two points of its curves. The sums that points are made of are part
// of a checkpoint, in hexadecimal, so that a resumed run logs the very values of one that was not
// interrupted; time is not.
#ifndef OD_WORKER_METER_H
#define OD_WORKER_METER_H

#include "core/train/trainer.h"

#include <cjson/cJSON.h>

typedef struct od_meter {
    int64_t steps; // since the last point
    double loss_sum, accuracy_sum;
    int64_t timed_samples; // of these steps, those of this attempt
    int64_t timed_ns;      // that they took
} od_meter;

void od_meter_add(od_meter *meter, const od_step_result *step, int64_t took_ns);

// The values of a point: means over the steps since the last one, and what step says of itself;
// the meter is empty again. NULL: no memory.
cJSON *od_meter_take(od_meter *meter, const od_step_result *step);

// Adds activation/{tag}/blockNN/{statistic} for each connection, activation/{tag}/mean/{statistic}
// over those with that tag and activation/all/mean/{statistic} over all of them.
void od_meter_add_stats(cJSON *values, const od_connection_stats *stats, int count);

cJSON *od_meter_save(const od_meter *meter);
// OD_E_CORRUPT: node is not what od_meter_save writes; *out is not changed then.
od_status od_meter_load(od_meter *out, const cJSON *node, od_error *error) OD_MUST_CHECK;

#endif
