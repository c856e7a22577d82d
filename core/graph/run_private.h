// SPDX-License-Identifier: Apache-2.0
// What run.c and trace.c share.
#ifndef OD_CORE_GRAPH_RUN_PRIVATE_H
#define OD_CORE_GRAPH_RUN_PRIVATE_H

#include "core/graph/run.h"

struct od_run {
    const od_graph *graph;
    const od_graph_steps *steps;
    const od_backend *backend;
    od_device *device;
    char *arena;
    float *stats;
    void **values;    // by value
    void **gradients; // by value; NULL: nobody wants it
};

#endif
