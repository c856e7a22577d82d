// SPDX-License-Identifier: Apache-2.0
// Liveness, then placement: blocks by size, the largest first, each at the lowest offset where it
// meets none that lives at the same time. A block is one value, one gradient, or a chain of
// gradients that are written in place of each other.
#include "core/graph/plan.h"

#include "core/op/op.h"

#include <stdlib.h>
#include <string.h>

typedef struct span {
    int first, last; // steps, both included; first > last: not used
} span;

typedef struct block {
    span lives[2]; // the second one of what is computed again
    int64_t bytes;
    int64_t offset;
} block;

// Blocks 0..value_count-1 are the values, value_count.. their gradients.
typedef struct planner {
    const od_graph *graph;
    const od_graph_steps *steps;
    block *blocks;
    int *owner; // of a block: itself, or the block whose memory it shares
    int *order; // blocks to place, largest first
    int block_count;
} planner;

static int gradient_of(const planner *p, int value) {
    return p->graph->value_count + value;
}

static void touch(planner *p, int index, int step) {
    const bool again = index < p->graph->value_count && p->steps->forgotten[index] &&
                       step >= p->steps->forward_count;
    span *life = &p->blocks[index].lives[again ? 1 : 0];
    life->first = step < life->first ? step : life->first;
    life->last = step > life->last ? step : life->last;
}

static void touch_forward(planner *p, const od_node *node, int step) {
    for (int i = 0; i < node->input_count; i++) {
        touch(p, node->inputs[i], step);
    }
    for (int i = 0; i < node->output_count; i++) {
        touch(p, node->outputs[i], step);
    }
    for (int i = 0; i < node->saved_count; i++) {
        touch(p, node->saved[i], step);
    }
}

static void touch_read(planner *p, const int *values, int count, unsigned mask, int step) {
    for (int i = 0; i < count; i++) {
        if ((mask >> i & 1U) != 0) {
            touch(p, values[i], step);
        }
    }
}

static void touch_gradients(planner *p, const int *values, int count, int step) {
    for (int i = 0; i < count; i++) {
        if (p->graph->values[values[i]].has_gradient) {
            touch(p, gradient_of(p, values[i]), step);
        }
    }
}

static void touch_backward(planner *p, const od_node *node, int step) {
    touch_read(p, node->inputs, node->input_count, node->reads.inputs, step);
    touch_read(p, node->outputs, node->output_count, node->reads.outputs, step);
    touch_read(p, node->saved, node->saved_count, node->reads.saved, step);
    touch_gradients(p, node->inputs, node->input_count, step);
    touch_gradients(p, node->outputs, node->output_count, step);
}

static void find_lifetimes(planner *p) {
    for (int s = 0; s < p->steps->count; s++) {
        const od_graph_step *step = &p->steps->items[s];
        const od_node *node = &p->graph->nodes[step->node];
        if (step->kind == OD_STEP_BACKWARD) {
            touch_backward(p, node, s);
        } else {
            touch_forward(p, node, s);
        }
    }
    for (int v = 0; v < p->graph->value_count; v++) {
        if (p->graph->values[v].keep) {
            touch(p, v, p->steps->count - 1);
        }
    }
}

static bool lies_in_arena(const od_value *value) {
    return value->kind == OD_VALUE_ACTIVATION || value->kind == OD_VALUE_SAVED;
}

static int64_t aligned(int64_t bytes) {
    return (bytes + OD_PLAN_ALIGNMENT - 1) / OD_PLAN_ALIGNMENT * OD_PLAN_ALIGNMENT;
}

static void find_sizes(planner *p, int64_t batch) {
    for (int v = 0; v < p->graph->value_count; v++) {
        const od_value *value = &p->graph->values[v];
        const int64_t bytes = lies_in_arena(value) ? aligned(od_value_bytes(value, batch)) : 0;
        p->blocks[v].bytes = bytes;
        p->blocks[gradient_of(p, v)].bytes = value->has_gradient ? bytes : 0;
    }
}

// Where the op may write the gradient of an input over that of its output, and is the first to
// write it, both become one block. Walked in the order of backward, so that chains grow.
static void share_in_place(planner *p) {
    const od_graph *graph = p->graph;
    for (int n = graph->node_count - 1; n >= 0; n--) {
        const od_node *node = &graph->nodes[n];
        const unsigned candidates = od_op_of(node->op)->in_place & ~node->accumulate;
        for (int i = 0; i < node->input_count; i++) {
            const int from = gradient_of(p, node->outputs[0]);
            const int to = gradient_of(p, node->inputs[i]);
            if ((candidates >> i & 1U) == 0 || p->blocks[from].bytes == 0 ||
                p->blocks[from].bytes != p->blocks[to].bytes) {
                continue;
            }
            p->owner[to] = p->owner[from];
            touch(p, p->owner[from], p->blocks[to].lives[0].first);
            touch(p, p->owner[from], p->blocks[to].lives[0].last);
            break;
        }
    }
}

static int larger_first(const void *left, const void *right, void *context) {
    const block *blocks = context;
    const int a = *(const int *)left, b = *(const int *)right;
    const int64_t x = blocks[a].bytes, y = blocks[b].bytes;
    return x != y ? (x < y) - (x > y) : (a > b) - (a < b);
}

static bool live_together(const block *a, const block *b) {
    bool together = false;
    for (int i = 0; i < 4; i++) {
        const span *x = &a->lives[i / 2], *y = &b->lives[i % 2];
        together = together || (x->first <= y->last && y->first <= x->last);
    }
    return together;
}

// placed[0..count) holds blocks in the order of their offsets. The lowest gap that fits.
static int64_t lowest_offset(const planner *p, const int *placed, int count, const block *b) {
    int64_t offset = 0;
    for (int i = 0; i < count; i++) {
        const block *other = &p->blocks[placed[i]];
        if (!live_together(b, other)) {
            continue;
        }
        if (other->offset >= offset + b->bytes) {
            break;
        }
        const int64_t behind = other->offset + other->bytes;
        offset = behind > offset ? behind : offset;
    }
    return offset;
}

static void insert_by_offset(const planner *p, int *placed, int count, int index) {
    int at = count;
    while (at > 0 && p->blocks[placed[at - 1]].offset > p->blocks[index].offset) {
        placed[at] = placed[at - 1];
        at--;
    }
    placed[at] = index;
}

// Returns the arena's size. placed has room for all blocks.
static int64_t place(planner *p, int *placed) {
    int count = 0;
    for (int i = 0; i < p->block_count; i++) {
        const span *life = &p->blocks[i].lives[0];
        if (p->owner[i] == i && p->blocks[i].bytes > 0 && life->first <= life->last) {
            p->order[count++] = i;
        }
    }
    qsort_r(p->order, (size_t)count, sizeof *p->order, larger_first, p->blocks);
    int64_t arena = 0;
    for (int i = 0; i < count; i++) {
        block *b = &p->blocks[p->order[i]];
        b->offset = lowest_offset(p, placed, i, b);
        insert_by_offset(p, placed, i, p->order[i]);
        arena = b->offset + b->bytes > arena ? b->offset + b->bytes : arena;
    }
    return arena;
}

static void read_offsets(const planner *p, od_plan *plan) {
    for (int v = 0; v < p->graph->value_count; v++) {
        const int gradient = gradient_of(p, v);
        plan->value_offset[v] = p->blocks[v].bytes > 0 ? p->blocks[v].offset : -1;
        plan->gradient_offset[v] =
            p->blocks[gradient].bytes > 0 ? p->blocks[p->owner[gradient]].offset : -1;
    }
}

static od_status planner_init(planner *p, const od_graph *graph, const od_graph_steps *steps) {
    const int count = 2 * graph->value_count;
    const span never = {steps->count, -1};
    *p = (planner){.graph = graph, .steps = steps, .block_count = count};
    p->blocks = calloc((size_t)count + 1, sizeof *p->blocks);
    p->owner = calloc((size_t)count + 1, sizeof *p->owner);
    p->order = calloc((size_t)count + 1, sizeof *p->order);
    if (p->blocks == NULL || p->owner == NULL || p->order == NULL) {
        return OD_E_NO_MEMORY;
    }
    for (int i = 0; i < count; i++) {
        p->blocks[i] = (block){.lives = {never, never}};
        p->owner[i] = i;
    }
    return OD_OK;
}

static void planner_fini(planner *p) {
    free(p->blocks);
    free(p->owner);
    free(p->order);
}

static od_status plan_alloc(const od_graph *graph, int64_t batch, od_plan **out) {
    const size_t count = (size_t)graph->value_count;
    od_plan *plan = calloc(1, sizeof *plan);
    if (plan != NULL) {
        plan->batch = batch;
        plan->stats_bytes = (int64_t)sizeof(float) * OD_PLAN_STATS_STRIDE * graph->connection_count;
        plan->value_offset = calloc(count + 1, sizeof *plan->value_offset);
        plan->gradient_offset = calloc(count + 1, sizeof *plan->gradient_offset);
    }
    if (plan == NULL || plan->value_offset == NULL || plan->gradient_offset == NULL ||
        od_graph_steps_init(&plan->steps, graph, NULL) != OD_OK) {
        od_plan_free(plan);
        return OD_E_NO_MEMORY;
    }
    *out = plan;
    return OD_OK;
}

od_status od_plan_new(const od_graph *graph, int64_t batch, od_plan **out, od_error *error) {
    od_status status = OD_E_INTERNAL;
    planner p = {0};
    int *placed = NULL;
    od_plan *plan = NULL;
    if (!graph->finished || batch < 1) {
        return od_error_set(error, OD_E_INTERNAL, "a plan needs a finished graph and a batch");
    }
    placed = calloc(2 * (size_t)graph->value_count + 1, sizeof *placed);
    if (placed == NULL || plan_alloc(graph, batch, &plan) != OD_OK ||
        planner_init(&p, graph, &plan->steps) != OD_OK) {
        status = od_error_set(error, OD_E_NO_MEMORY, "no memory to plan a graph of %d values",
                              graph->value_count);
        goto err_plan;
    }
    find_lifetimes(&p);
    find_sizes(&p, batch);
    share_in_place(&p);
    plan->arena_bytes = place(&p, placed);
    read_offsets(&p, plan);
    *out = plan;
    plan = NULL;
    status = OD_OK;
err_plan:
    od_plan_free(plan);
    free(placed);
    planner_fini(&p);
    return status;
}

void od_plan_free(od_plan *plan) {
    if (plan == NULL) {
        return;
    }
    od_graph_steps_fini(&plan->steps);
    free(plan->value_offset);
    free(plan->gradient_offset);
    free(plan);
}
