// SPDX-License-Identifier: Apache-2.0
// A planned graph with its memory on a device, ready to be run forward and backward.
#ifndef OD_CORE_GRAPH_RUN_H
#define OD_CORE_GRAPH_RUN_H

#include "core/graph/plan.h"

typedef struct od_run od_run;

// Allocates the arena and the memory for statistics on the device. Borrows all arguments until
// od_run_free. OD_E_UNSUPPORTED, naming it, when the backend lacks the kernels of an op.
od_status od_run_new(const od_graph *graph, const od_plan *plan, const od_backend *backend,
                     od_device *device, od_run **out, od_error *error) OD_MUST_CHECK;
void od_run_free(od_run *run); // NULL is fine

// Says where an input, a parameter or a state lies, and where the gradient of a parameter is added
// up.
void od_run_bind(od_run *run, int value, void *memory, float *gradient);

typedef struct od_run_options {
    int64_t batch;    // 1..plan->batch
    bool training;    // false: forward only, without label smoothing
    bool want_stats;  // fill od_run_stats
    bool recompute;   // a second forward of the same batch: states do not change again
    float loss_scale; // of the gradient of the sum of losses
    // The connections that are linear in this run though they are planned orthogonal:
    // [connection_count], or NULL for none.
    const bool *linear;
    // Randomness: the job's seed, and a number that no other micro-batch of training (or of
    // evaluation) has. The same pair gives the same masks and the same noise.
    uint64_t seed, draw;
} od_run_options;

// Queue the kernels; failures show in the backend's sync. Forward must precede backward, with the
// same options. Backward includes what is computed again.
void od_run_forward(od_run *run, const od_run_options *options);
void od_run_backward(od_run *run, const od_run_options *options);

// Step number `step` of the plan by itself; all in order are a forward and a backward.
void od_run_step(od_run *run, const od_run_options *options, int step);

// Memory of a value, on the device. An activation is there until its memory is used again: forever
// for kept values.
void *od_run_memory(const od_run *run, int value);
// [connection_count, OD_PLAN_STATS_STRIDE] on the device, OD_CONNECT_STATS used in each row.
const float *od_run_stats(const od_run *run);

#endif
