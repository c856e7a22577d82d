// SPDX-License-Identifier: Apache-2.0
// Blocks are runs of neighbouring nodes [first, last]; each is looked at by itself.
#include "core/graph/steps.h"

#include <stdlib.h>

typedef struct block {
    int first, last; // nodes
} block;

typedef struct builder {
    const od_graph *graph;
    od_graph_steps *steps;
    bool *wanted; // by value: to be computed again
} builder;

static void append(builder *b, od_step_kind kind, int node) {
    b->steps->items[b->steps->count++] = (od_graph_step){kind, node};
}

// The block that ends with node `last`; false when none that is recomputed does.
static bool block_ending_at(const od_graph *graph, int last, block *out) {
    const int number = graph->nodes[last].block;
    const bool goes_on = last + 1 < graph->node_count && graph->nodes[last + 1].block == number;
    bool is_last = true;
    for (int n = last + 1; n < graph->node_count; n++) {
        is_last = is_last && graph->nodes[n].block < 0;
    }
    if (!graph->recompute || number < 0 || goes_on || is_last) {
        return false;
    }
    *out = (block){last, last};
    while (out->first > 0 && graph->nodes[out->first - 1].block == number) {
        out->first--;
    }
    return true;
}

static bool is_in(const block *b, int node) {
    return node >= b->first && node <= b->last;
}

// Marks what the block's nodes write, then takes back what is read elsewhere or kept.
static void find_forgotten(builder *b, const block *where) {
    const od_graph *graph = b->graph;
    bool *forgotten = b->steps->forgotten;
    for (int v = 0; v < graph->value_count; v++) {
        const od_value *value = &graph->values[v];
        if (value->producer >= 0 && is_in(where, value->producer)) {
            forgotten[v] = !value->keep;
        }
    }
    for (int n = 0; n < graph->node_count; n++) {
        const od_node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count && !is_in(where, n); i++) {
            const int producer = graph->values[node->inputs[i]].producer;
            if (producer >= 0 && is_in(where, producer)) {
                forgotten[node->inputs[i]] = false;
            }
        }
    }
}

static void want(builder *b, const int *values, int count, unsigned mask) {
    for (int i = 0; i < count; i++) {
        if ((mask >> i & 1U) != 0) {
            b->wanted[values[i]] = b->steps->forgotten[values[i]];
        }
    }
}

static bool is_wanted(const builder *b, const int *values, int count) {
    bool any = false;
    for (int i = 0; i < count; i++) {
        any = any || b->wanted[values[i]];
    }
    return any;
}

static bool leads_to_wanted(const builder *b, const od_node *node) {
    return is_wanted(b, node->outputs, node->output_count) ||
           is_wanted(b, node->saved, node->saved_count);
}

static void recompute(builder *b, const block *where) {
    for (int n = where->first; n <= where->last; n++) {
        const od_node *node = &b->graph->nodes[n];
        want(b, node->inputs, node->input_count, node->reads.inputs);
        want(b, node->outputs, node->output_count, node->reads.outputs);
        want(b, node->saved, node->saved_count, node->reads.saved);
    }
    for (int n = where->last; n >= where->first; n--) {
        const od_node *node = &b->graph->nodes[n];
        if (leads_to_wanted(b, node)) {
            want(b, node->inputs, node->input_count, ~0U);
        }
    }
    for (int n = where->first; n <= where->last; n++) {
        if (leads_to_wanted(b, &b->graph->nodes[n])) {
            append(b, OD_STEP_RECOMPUTE, n);
        }
    }
}

static void build(builder *b) {
    const od_graph *graph = b->graph;
    for (int n = 0; n < graph->node_count; n++) {
        append(b, OD_STEP_FORWARD, n);
    }
    b->steps->forward_count = b->steps->count;
    for (int n = graph->node_count - 1; n >= 0; n--) {
        block where;
        if (block_ending_at(graph, n, &where)) {
            find_forgotten(b, &where);
            recompute(b, &where);
        }
        if (graph->nodes[n].has_backward) {
            append(b, OD_STEP_BACKWARD, n);
        }
    }
}

od_status od_graph_steps_init(od_graph_steps *steps, const od_graph *graph, od_error *error) {
    const size_t nodes = (size_t)graph->node_count, values = (size_t)graph->value_count;
    *steps = (od_graph_steps){
        .items = calloc(3 * nodes + 1, sizeof *steps->items),
        .forgotten = calloc(values + 1, sizeof *steps->forgotten),
    };
    builder b = {graph, steps, calloc(values + 1, sizeof *b.wanted)};
    if (steps->items == NULL || steps->forgotten == NULL || b.wanted == NULL) {
        free(b.wanted);
        od_graph_steps_fini(steps);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to order a graph of %zu nodes",
                            nodes);
    }
    build(&b);
    free(b.wanted);
    return OD_OK;
}

void od_graph_steps_fini(od_graph_steps *steps) {
    free(steps->items);
    free(steps->forgotten);
    *steps = (od_graph_steps){0};
}
