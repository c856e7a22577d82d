// SPDX-License-Identifier: Apache-2.0
// The order of a training step over a finished graph: forward of all nodes, then backward in the
// opposite order. Where the graph recomputes its blocks (od_graph_recompute_blocks), what is inside
// of a block is forgotten after its forward and computed again before its backward:
//
// - A block's nodes follow each other. The last block is not recomputed: its backward comes next,
//   so that nothing would be saved.
// - A value is inside of a block when all that read it are nodes of the block and nobody keeps it.
//   What others read too, as the stream, stays.
// - Only those nodes are computed again that lead to something that the block's backward reads.
#ifndef OD_CORE_GRAPH_STEPS_H
#define OD_CORE_GRAPH_STEPS_H

#include "core/graph/graph.h"

typedef enum od_step_kind { OD_STEP_FORWARD, OD_STEP_RECOMPUTE, OD_STEP_BACKWARD } od_step_kind;

typedef struct od_graph_step {
    od_step_kind kind;
    int node;
} od_graph_step;

typedef struct od_graph_steps {
    od_graph_step *items;
    int count;
    int forward_count; // the first ones, one a node, are OD_STEP_FORWARD
    bool *forgotten;   // by value: it is inside of a block that is recomputed
} od_graph_steps;

od_status od_graph_steps_init(od_graph_steps *steps, const od_graph *graph,
                              od_error *error) OD_MUST_CHECK;
void od_graph_steps_fini(od_graph_steps *steps); // also of a zeroed one

#endif
