// SPDX-License-Identifier: Apache-2.0
// core/graph/steps.c: which nodes of a model are computed again, and when.
#include "core/graph/steps.h"

#include "core/op/op.h"
#include "tests/unit/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 1024 };

// "again 0 linear" for each step of that kind, one a line.
static void list_recomputed(const od_graph *graph, char text[TEXT_BYTES]) {
    od_graph_steps steps;
    assert_int_equal(od_graph_steps_init(&steps, graph, NULL), OD_OK);
    assert_int_equal(steps.forward_count, graph->node_count);
    size_t used = 0;
    int backward = graph->node_count;
    text[0] = '\0';
    for (int s = 0; s < steps.count; s++) {
        const od_node *node = &graph->nodes[steps.items[s].node];
        if (steps.items[s].kind == OD_STEP_RECOMPUTE) {
            used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%d %s\n", node->block,
                                     od_op_of(node->op)->name);
            assert_true(steps.items[s].node < backward); // before its own backward
        } else if (steps.items[s].kind == OD_STEP_BACKWARD) {
            assert_true(steps.items[s].node < backward); // once each, downwards
            backward = steps.items[s].node;
        } else {
            assert_int_equal(steps.items[s].node, s);
        }
    }
    od_graph_steps_fini(&steps);
}

static void check(bool recompute, od_connection connection, const char *expected) {
    od_spec spec = tiny_spec();
    spec.residual.connection = connection;
    spec.train.gradient_checkpointing = recompute;
    od_model *model;
    char text[TEXT_BYTES];
    assert_int_equal(od_model_new(&spec, true, &model, NULL), OD_OK);
    list_recomputed(model->graph, text);
    assert_string_equal(text, expected);
    od_model_free(model);
}

static void nothing_is_recomputed_unasked(void **state) {
    (void)state;
    check(false, OD_CONNECT_ORTHOGONAL, "");
}

// Of two blocks the first; all of it, because backward reads both outputs f and s of both
// connections.
static void a_block_is_recomputed(void **state) {
    (void)state;
    check(true, OD_CONNECT_ORTHOGONAL,
          "0 layernorm\n0 linear\n0 attention\n0 linear\n0 connect_layernorm\n0 linear_gelu\n"
          "0 linear\n0 connect\n");
}

// The linear connection's backward reads nothing, so nothing behind the GELU is needed.
static void what_leads_nowhere_is_not_recomputed(void **state) {
    (void)state;
    check(true, OD_CONNECT_LINEAR,
          "0 layernorm\n0 linear\n0 attention\n0 linear\n0 connect_layernorm\n0 linear_gelu\n");
}

static void only_the_inside_is_forgotten(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.train.gradient_checkpointing = true;
    od_model *model;
    od_graph_steps steps;
    assert_int_equal(od_model_new(&spec, true, &model, NULL), OD_OK);
    const od_graph *graph = model->graph;
    assert_int_equal(od_graph_steps_init(&steps, graph, NULL), OD_OK);
    int forgotten = 0;
    for (int v = 0; v < graph->value_count; v++) {
        const od_value *value = &graph->values[v];
        const od_node *node = value->producer >= 0 ? &graph->nodes[value->producer] : NULL;
        const bool leaves = node != NULL && node->op == OD_OP_CONNECT && node->outputs[0] == v;
        assert_true(steps.forgotten[v] == (node != NULL && node->block == 0 && !leaves));
        forgotten += steps.forgotten[v];
    }
    assert_true(forgotten > 10);
    od_graph_steps_fini(&steps);
    od_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_recomputed_unasked),
        cmocka_unit_test(a_block_is_recomputed),
        cmocka_unit_test(what_leads_nowhere_is_not_recomputed),
        cmocka_unit_test(only_the_inside_is_forgotten),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
