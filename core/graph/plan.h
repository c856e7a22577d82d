// SPDX-License-Identifier: Apache-2.0
// Where every activation and every gradient of an activation lies: one arena, offsets by liveness.
//
// Time runs over the steps of a training step (core/graph/steps.h). A value lives from the step that
// writes it to the last step that reads it (the end, for a kept one), its gradient from the first
// consumer's backward to its producer's. A value inside of a recomputed block lives twice, at the
// same place: from its forward to the last reader there, and from its recomputation on. Two that
// live at the same time never overlap. Inputs and parameters lie elsewhere.
#ifndef OD_CORE_GRAPH_PLAN_H
#define OD_CORE_GRAPH_PLAN_H

#include "core/graph/steps.h"

enum {
    OD_PLAN_ALIGNMENT = 64,    // bytes
    OD_PLAN_STATS_STRIDE = 16, // floats from one connection's statistics to the next
    // There: OD_CONNECT_STATS or OD_PATTERN_STATS floats, and of a 1x1 convolution that scales the
    // stream the sum of its squared weights, a double.
    OD_CONNECT_WEIGHT_SQUARES = 14,
};

typedef struct od_plan {
    od_graph_steps steps;
    int64_t batch;            // the largest batch that fits
    int64_t arena_bytes;      // exactly what a run needs, and
    int64_t stats_bytes;      // for the statistics of the connections
    int64_t *value_offset;    // bytes from the arena's start, by value; -1: not in the arena
    int64_t *gradient_offset; // the same for gradients
} od_plan;

// The plan of a finished graph.
od_status od_plan_new(const od_graph *graph, int64_t batch, od_plan **out,
                      od_error *error) OD_MUST_CHECK;
void od_plan_free(od_plan *plan); // NULL is fine

#endif
