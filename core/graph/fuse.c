// SPDX-License-Identifier: Apache-2.0
// One walk over the nodes; each rule looks at a node and at the reader of its output 0, and turns
// the first into the fused node. The second is marked and dropped at the end.
#include "core/graph/fuse.h"

#include "core/op/op.h"

enum { DROPPED = OD_OP_COUNT };

// The first node of a kind behind `node` that reads value, or NULL.
static od_node *reader_of(od_graph *graph, int node, int value, od_op_kind kind) {
    for (int n = node + 1; n < graph->node_count; n++) {
        od_node *reader = &graph->nodes[n];
        if ((int)reader->op == (int)kind && reader->inputs[0] == value) {
            return reader;
        }
    }
    return NULL;
}

static void fuse_linear_gelu(od_graph *graph, int index) {
    od_node *linear = &graph->nodes[index];
    od_value *pre = &graph->values[linear->outputs[0]];
    od_node *gelu = reader_of(graph, index, linear->outputs[0], OD_OP_GELU);
    if (gelu == NULL || pre->consumers != 1 || pre->keep) {
        return;
    }
    pre->kind = OD_VALUE_SAVED;
    pre->has_gradient = false;
    linear->op = OD_OP_LINEAR_GELU;
    linear->saved[linear->saved_count++] = linear->outputs[0];
    linear->outputs[0] = gelu->outputs[0];
    gelu->op = (od_op_kind)DROPPED;
}

static void fuse_connect_layernorm(od_graph *graph, int index) {
    od_node *connect = &graph->nodes[index];
    const int stream = connect->outputs[0];
    od_node *norm = reader_of(graph, index, stream, OD_OP_LAYERNORM);
    if (norm == NULL || norm->input_count != 1 || graph->values[stream].consumers < 2 ||
        connect->attributes.pattern != OD_PATTERN_DEFAULT || connect->attributes.global) {
        return;
    }
    if (graph->recompute && norm->block != connect->block) {
        return;
    }
    const int coef = connect->saved[0];
    connect->op = OD_OP_CONNECT_LAYERNORM;
    connect->attributes.norm_eps = norm->attributes.eps;
    connect->outputs[connect->output_count++] = norm->outputs[0];
    connect->saved[0] = norm->saved[0];
    connect->saved[1] = norm->saved[1];
    connect->saved[2] = coef;
    connect->saved_count += 2;
    norm->op = (od_op_kind)DROPPED;
}

static void compact(od_graph *graph) {
    int count = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if ((int)graph->nodes[n].op == DROPPED) {
            continue;
        }
        od_node *node = &graph->nodes[count];
        *node = graph->nodes[n];
        for (int i = 0; i < node->output_count; i++) {
            graph->values[node->outputs[i]].producer = count;
        }
        for (int i = 0; i < node->saved_count; i++) {
            graph->values[node->saved[i]].producer = count;
        }
        count++;
    }
    graph->node_count = count;
}

od_status od_graph_fuse(od_graph *graph, od_error *error) {
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op == OD_OP_LINEAR) {
            fuse_linear_gelu(graph, n);
        } else if (graph->nodes[n].op == OD_OP_CONNECT) {
            fuse_connect_layernorm(graph, n);
        }
    }
    compact(graph);
    return od_graph_finish(graph, error);
}
