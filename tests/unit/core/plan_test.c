// SPDX-License-Identifier: Apache-2.0
// core/graph/plan.c: a training step is played on a map of the arena that notes whose each cell
// is. Whatever a step reads must still be its owner's, and what one step touches never overlaps.
#include "core/graph/plan.h"

#include "core/op/op.h"
#include "core/rng/philox.h"
#include "tests/unit/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOBODY = -1 };

// Owners are values, and value_count + value for gradients.
typedef struct map {
    const od_graph *graph;
    const od_plan *plan;
    int *owner; // of each 64 bytes
} map;

typedef struct range {
    int64_t first, last; // cells; last is behind the end
} range;

static range range_of(const map *m, int thing) {
    const int count = m->graph->value_count;
    const od_value *value = &m->graph->values[thing % count];
    const int64_t offset =
        thing < count ? m->plan->value_offset[thing] : m->plan->gradient_offset[thing - count];
    if (offset < 0) {
        return (range){0, 0};
    }
    assert_int_equal(offset % OD_PLAN_ALIGNMENT, 0);
    const int64_t end = offset + od_value_bytes(value, m->plan->batch);
    assert_true(end <= m->plan->arena_bytes);
    return (range){offset / OD_PLAN_ALIGNMENT, (end + OD_PLAN_ALIGNMENT - 1) / OD_PLAN_ALIGNMENT};
}

static void write_thing(map *m, int thing) {
    const range r = range_of(m, thing);
    for (int64_t i = r.first; i < r.last; i++) {
        m->owner[i] = thing;
    }
}

static void read_thing(const map *m, int thing) {
    const range r = range_of(m, thing);
    for (int64_t i = r.first; i < r.last; i++) {
        if (m->owner[i] != thing) {
            fail_msg("%s%s was overwritten by %d",
                     m->graph->values[thing % m->graph->value_count].name,
                     thing >= m->graph->value_count ? "'s gradient" : "", m->owner[i]);
        }
    }
}

typedef struct touched {
    int things[32];
    int count;
} touched;

static void touch(touched *all, int thing) {
    all->things[all->count++] = thing;
}

static void assert_apart(const map *m, int left, int right) {
    const range a = range_of(m, left), b = range_of(m, right);
    assert_true(a.last <= b.first || b.last <= a.first);
}

// may_share[2]: the two that lie in place of each other, if any.
static void assert_all_apart(const map *m, const touched *all, const int may_share[2]) {
    for (int i = 0; i < all->count; i++) {
        for (int j = 0; j < i; j++) {
            const int a = all->things[i], b = all->things[j];
            if (a != b && !(a == may_share[0] && b == may_share[1]) &&
                !(a == may_share[1] && b == may_share[0])) {
                assert_apart(m, a, b);
            }
        }
    }
}

static void play_forward(map *m, const od_node *node) {
    touched all = {0};
    for (int i = 0; i < node->input_count; i++) {
        read_thing(m, node->inputs[i]);
        touch(&all, node->inputs[i]);
    }
    for (int i = 0; i < node->output_count; i++) {
        write_thing(m, node->outputs[i]);
        touch(&all, node->outputs[i]);
    }
    for (int i = 0; i < node->saved_count; i++) {
        write_thing(m, node->saved[i]);
        touch(&all, node->saved[i]);
    }
    assert_all_apart(m, &all, (const int[]){NOBODY, NOBODY});
}

static void read_some(map *m, touched *all, const int *values, int count, unsigned mask) {
    for (int i = 0; i < count; i++) {
        if ((mask >> i & 1U) != 0) {
            read_thing(m, values[i]);
            touch(all, values[i]);
        }
    }
}

static void play_backward(map *m, const od_node *node) {
    const int gradient = m->graph->value_count;
    touched all = {0};
    int may_share[2] = {NOBODY, NOBODY};
    read_some(m, &all, node->inputs, node->input_count, node->reads.inputs);
    read_some(m, &all, node->outputs, node->output_count, node->reads.outputs);
    read_some(m, &all, node->saved, node->saved_count, node->reads.saved);
    for (int i = 0; i < node->output_count; i++) {
        read_thing(m, gradient + node->outputs[i]);
        touch(&all, gradient + node->outputs[i]);
    }
    for (int i = 0; i < node->input_count; i++) {
        if ((node->accumulate >> i & 1U) != 0) {
            read_thing(m, gradient + node->inputs[i]);
        }
        if ((od_op_of(node->op)->in_place >> i & 1U) != 0) {
            may_share[0] = gradient + node->inputs[i];
            may_share[1] = gradient + node->outputs[0];
        }
        touch(&all, gradient + node->inputs[i]);
    }
    assert_all_apart(m, &all, may_share);
    for (int i = 0; i < node->input_count; i++) {
        write_thing(m, gradient + node->inputs[i]);
    }
}

static void play(const od_graph *graph, int64_t batch) {
    map m = {.graph = graph};
    od_plan *plan;
    assert_int_equal(od_plan_new(graph, batch, &plan, NULL), OD_OK);
    m.plan = plan;
    const size_t cells = (size_t)(plan->arena_bytes / OD_PLAN_ALIGNMENT);
    assert_int_equal(plan->arena_bytes % OD_PLAN_ALIGNMENT, 0);
    m.owner = malloc(cells * sizeof *m.owner);
    assert_non_null(m.owner);
    for (size_t i = 0; i < cells; i++) {
        m.owner[i] = NOBODY;
    }
    for (int s = 0; s < plan->steps.count; s++) {
        const od_graph_step *step = &plan->steps.items[s];
        if (step->kind == OD_STEP_BACKWARD) {
            play_backward(&m, &graph->nodes[step->node]);
        } else {
            play_forward(&m, &graph->nodes[step->node]);
        }
    }
    for (int v = 0; v < graph->value_count; v++) {
        if (graph->values[v].keep) {
            read_thing(&m, v);
        }
    }
    free(m.owner);
    od_plan_free(plan);
}

static void models_do_not_overlap(void **state) {
    (void)state;
    const od_connection connections[] = {OD_CONNECT_LINEAR, OD_CONNECT_ORTHOGONAL};
    for (int variant = 0; variant < 32; variant++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = connections[variant & 1];
        spec.residual.orthogonal_block[1] = (variant & 2) != 0;
        spec.model.depth = (variant & 4) != 0 ? 5 : 1;
        spec.train.gradient_checkpointing = (variant & 16) != 0;
        od_model *model;
        assert_int_equal(od_model_new(&spec, (variant & 8) != 0, &model, NULL), OD_OK);
        play(model->graph, 1);
        play(model->graph, 3);
        play(model->graph, 16);
        od_model_free(model);
    }
}

typedef struct growing {
    od_graph *graph;
    od_philox dice;
    int stream;  // [5, 12]
    int earlier; // what the stream was at some point before
} growing;

static int add(growing *g, od_op_kind op, int count, int a, int b) {
    return od_graph_add(
        g->graph,
        &(od_node_spec){
            .op = op,
            .name = od_op_of(op)->name,
            .inputs = {a, b},
            .input_count = count,
            .attributes = {.heads = 2, .connection = (od_connection)od_philox_below(&g->dice, 3)},
        });
}

static int linear(growing *g, int x, int64_t in, int64_t out) {
    return add(g, OD_OP_LINEAR, 2, x, od_graph_parameter(g->graph, "w", (od_shape){2, {out, in}}));
}

// A side branch of random length and width, back to the stream's width.
static int branch(growing *g, int x) {
    x = add(g, OD_OP_LAYERNORM, 1, x, 0);
    int64_t width = 12;
    for (uint32_t left = od_philox_below(&g->dice, 4); left > 0; left--) {
        const int64_t wider = 12 + 12 * od_philox_below(&g->dice, 5);
        x = linear(g, x, width, wider);
        width = wider;
        x = od_philox_below(&g->dice, 2) == 0 ? add(g, OD_OP_GELU, 1, x, 0) : x;
    }
    if (od_philox_below(&g->dice, 2) == 0) {
        x = add(g, OD_OP_ATTENTION, 1, linear(g, x, width, 36), 0);
        width = 12;
    }
    return linear(g, x, width, 12);
}

static void grow(growing *g, uint64_t seed) {
    od_philox_init(&g->dice, seed, OD_PURPOSE_INIT, 0, 0);
    assert_int_equal(od_graph_new(&g->graph, NULL), OD_OK);
    const int x = od_graph_input(g->graph, "x", OD_VALUE_F32, (od_shape){2, {5, 7}});
    const int labels = od_graph_input(g->graph, "labels", OD_VALUE_I32, (od_shape){0});
    if (seed % 2 == 1) {
        od_graph_recompute_blocks(g->graph);
    }
    g->stream = g->earlier = linear(g, x, 7, 12);
    for (uint32_t left = od_philox_below(&g->dice, 6); left > 0; left--) {
        const bool skips = od_philox_below(&g->dice, 3) == 0;
        const int before = g->stream;
        od_graph_set_block(g->graph, (int)od_philox_below(&g->dice, 3) - 1 + (int)(6 - left) / 2);
        g->stream = add(g, OD_OP_CONNECT, 2, skips ? g->earlier : before, branch(g, before));
        g->earlier = od_philox_below(&g->dice, 2) == 0 ? before : g->earlier;
        if (od_philox_below(&g->dice, 3) == 0) {
            od_graph_keep(g->graph, g->stream);
        }
    }
    od_graph_set_block(g->graph, -1);
    const int token = add(g, OD_OP_FIRST_TOKEN, 1, g->stream, 0);
    od_graph_keep(g->graph, add(g, OD_OP_CROSS_ENTROPY, 2, token, labels));
}

static void random_graphs_do_not_overlap(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        growing g;
        grow(&g, seed);
        od_error error = {0};
        if (od_graph_finish(g.graph, &error) != OD_OK) {
            fail_msg("%s", error.text);
        }
        play(g.graph, 1 + (int64_t)(seed % 4));
        od_graph_free(g.graph);
    }
}

static int64_t bytes_of_everything(const od_graph *graph, int64_t batch) {
    int64_t bytes = 0;
    for (int v = 0; v < graph->value_count; v++) {
        const od_value *value = &graph->values[v];
        if (value->kind == OD_VALUE_ACTIVATION || value->kind == OD_VALUE_SAVED) {
            bytes += od_value_bytes(value, batch) * (value->has_gradient ? 2 : 1);
        }
    }
    return bytes;
}

static void memory_is_used_again(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.model.depth = 6;
    spec.model.width = 48;
    od_model *model;
    od_plan *plan;
    assert_int_equal(od_model_new(&spec, true, &model, NULL), OD_OK);
    assert_int_equal(od_plan_new(model->graph, 32, &plan, NULL), OD_OK);
    int64_t end = 0;
    for (int v = 0; v < model->graph->value_count; v++) {
        const int64_t bytes =
            (od_value_bytes(&model->graph->values[v], 32) + 63) / OD_PLAN_ALIGNMENT * 64;
        const int64_t value = plan->value_offset[v], gradient = plan->gradient_offset[v];
        end = value >= 0 && value + bytes > end ? value + bytes : end;
        end = gradient >= 0 && gradient + bytes > end ? gradient + bytes : end;
    }
    assert_int_equal(plan->arena_bytes, end);
    // gradients of one block at a time lie where later activations were
    assert_true(plan->arena_bytes < bytes_of_everything(model->graph, 32) * 6 / 10);
    assert_int_equal(plan->stats_bytes, 12 * 64);
    od_plan_free(plan);
    od_model_free(model);
}

static int64_t arena_of(int64_t depth, bool recompute) {
    od_spec spec = tiny_spec();
    spec.model.depth = depth;
    spec.train.gradient_checkpointing = recompute;
    od_model *model;
    od_plan *plan;
    assert_int_equal(od_model_new(&spec, true, &model, NULL), OD_OK);
    assert_int_equal(od_plan_new(model->graph, 16, &plan, NULL), OD_OK);
    const int64_t bytes = plan->arena_bytes;
    od_plan_free(plan);
    od_model_free(model);
    return bytes;
}

// Of a block that is recomputed only the stream that leaves it stays: tokens x width.
static void recomputed_blocks_cost_their_stream(void **state) {
    (void)state;
    const int64_t stream = 16 * 5 * 12 * (int64_t)sizeof(float);
    assert_int_equal(arena_of(25, true) - arena_of(24, true), stream);
    assert_true(arena_of(25, false) - arena_of(24, false) > 15 * stream);
    assert_true(arena_of(1, true) == arena_of(1, false)); // the last block is not recomputed
    assert_true(arena_of(24, true) * 7 < arena_of(24, false));
}

static void unfinished_graphs_have_no_plan(void **state) {
    (void)state;
    od_graph *graph;
    od_plan *plan;
    assert_int_equal(od_graph_new(&graph, NULL), OD_OK);
    assert_int_equal(od_plan_new(graph, 1, &plan, NULL), OD_E_INTERNAL);
    assert_int_equal(od_graph_finish(graph, NULL), OD_OK);
    assert_int_equal(od_plan_new(graph, 0, &plan, NULL), OD_E_INTERNAL);
    od_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_do_not_overlap),
        cmocka_unit_test(random_graphs_do_not_overlap),
        cmocka_unit_test(memory_is_used_again),
        cmocka_unit_test(recomputed_blocks_cost_their_stream),
        cmocka_unit_test(unfinished_graphs_have_no_plan),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
