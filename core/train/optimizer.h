// SPDX-License-Identifier: Apache-2.0
// The optimizers: what they keep beside the parameters, and one update of all of them at once.
#ifndef OD_CORE_TRAIN_OPTIMIZER_H
#define OD_CORE_TRAIN_OPTIMIZER_H

#include "core/spec.h"

#include <stdint.h>

enum { OD_OPTIMIZER_MAX_STATES = 2 };

typedef struct od_optimizer_update {
    const od_backend *backend;
    od_device *device;
    float *parameters;                      // [count] on the device, like
    float *states[OD_OPTIMIZER_MAX_STATES]; // those of the optimizer, zero at first, and
    const float *gradients;
    int64_t count;
    int64_t step; // of this update, from 1
    double lr;
} od_optimizer_update;

typedef struct od_optimizer {
    const char *states[OD_OPTIMIZER_MAX_STATES]; // names in files, before ".PARAMETER"
    int state_count;
    void (*update)(const od_optimizer_spec *spec, const od_optimizer_update *update);
} od_optimizer;

const od_optimizer *od_optimizer_of(od_optimizer_type type);

#endif
