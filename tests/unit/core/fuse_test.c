// SPDX-License-Identifier: Apache-2.0
// core/graph/fuse.c: the rewritten graph has the nodes, the parameters and the numbers it should.
#include "core/graph/fuse.h"

#include "tests/unit/core/tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int nodes_of(const od_graph *graph, od_op_kind kind) {
    int count = 0;
    for (int n = 0; n < graph->node_count; n++) {
        count += graph->nodes[n].op == kind;
    }
    return count;
}

static void nodes_are_replaced(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.model.depth = 3;
    od_model *plain, *fused;
    assert_int_equal(od_model_new(&spec, false, &plain, NULL), OD_OK);
    assert_int_equal(od_model_new(&spec, true, &fused, NULL), OD_OK);
    assert_int_equal(plain->graph->node_count, 3 + 3 * 10 + 4);
    assert_int_equal(nodes_of(plain->graph, OD_OP_GELU), 3);
    assert_int_equal(nodes_of(plain->graph, OD_OP_LAYERNORM), 2 * 3 + 1);
    // left: the first block's first norm and the head's, and the last connection
    assert_int_equal(nodes_of(fused->graph, OD_OP_GELU), 0);
    assert_int_equal(nodes_of(fused->graph, OD_OP_LINEAR_GELU), 3);
    assert_int_equal(nodes_of(fused->graph, OD_OP_LAYERNORM), 2);
    assert_int_equal(nodes_of(fused->graph, OD_OP_CONNECT), 1);
    assert_int_equal(nodes_of(fused->graph, OD_OP_CONNECT_LAYERNORM), 5);
    assert_int_equal(fused->graph->node_count, plain->graph->node_count - 3 - 5);
    assert_int_equal(fused->graph->connection_count, 6);
    assert_true(od_graph_flops(fused->graph) == od_graph_flops(plain->graph));
    od_model_free(plain);
    od_model_free(fused);
}

// A pattern has no fused kernel; dropping stands between a product and what would be fused with it.
static void patterns_stay_as_they_are(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    spec.residual.pattern = OD_PATTERN_REZERO;
    spec.model.mlp_dropout = 0.5F;
    od_model *fused;
    assert_int_equal(od_model_new(&spec, true, &fused, NULL), OD_OK);
    assert_int_equal(nodes_of(fused->graph, OD_OP_CONNECT), 4);
    assert_int_equal(nodes_of(fused->graph, OD_OP_CONNECT_LAYERNORM), 0);
    assert_int_equal(nodes_of(fused->graph, OD_OP_LINEAR_GELU), 2);
    assert_int_equal(nodes_of(fused->graph, OD_OP_DROP), 4);
    od_model_free(fused);
}

static void parameters_stay(void **state) {
    (void)state;
    od_spec spec = tiny_spec();
    od_model *plain, *fused;
    assert_int_equal(od_model_new(&spec, false, &plain, NULL), OD_OK);
    assert_int_equal(od_model_new(&spec, true, &fused, NULL), OD_OK);
    assert_int_equal(plain->tensor_count, fused->tensor_count);
    for (int i = 0; i < plain->tensor_count; i++) {
        assert_memory_equal(&plain->tensors[i], &fused->tensors[i], sizeof *plain->tensors);
    }
    od_model_free(plain);
    od_model_free(fused);
}

static void descend(tiny_rig *rig, float lr) {
    tiny_rig_loss(rig, true);
    for (int64_t i = 0; i < rig->model->flat_count; i++) {
        rig->parameters[i] -= lr * rig->gradients[i];
    }
}

static void both_train_to_the_same_numbers(void **state) {
    (void)state;
    const od_connection connections[] = {OD_CONNECT_LINEAR, OD_CONNECT_NEGATIVE,
                                         OD_CONNECT_ORTHOGONAL};
    for (size_t c = 0; c < 3; c++) {
        od_spec spec = tiny_spec();
        spec.residual.connection = connections[c];
        tiny_rig plain = tiny_rig_new(&spec, false, "ref");
        tiny_rig fused = tiny_rig_new(&spec, true, "ref");
        const double start = tiny_rig_loss(&plain, false);
        for (int step = 0; step < 10; step++) {
            descend(&plain, 0.2F);
            descend(&fused, 0.2F);
        }
        const double end = tiny_rig_loss(&plain, false);
        assert_true(end < 0.8 * start);
        assert_true(fabs(tiny_rig_loss(&fused, false) - end) < 1e-5);
        for (int64_t i = 0; i < plain.model->flat_count; i++) {
            assert_true(fabsf(plain.parameters[i] - fused.parameters[i]) < 1e-5F);
        }
        tiny_rig_free(&plain);
        tiny_rig_free(&fused);
    }
}

static int add(od_graph *graph, od_op_kind op, const char *name, int x, int y) {
    return od_graph_add(
        graph,
        &(od_node_spec){.op = op, .name = name, .inputs = {x, y}, .input_count = y < 0 ? 1 : 2});
}

// The linear's output is read by a layernorm too, the connection's by a layernorm only.
static void others_that_read_prevent_fusion(void **state) {
    (void)state;
    od_graph *graph;
    assert_int_equal(od_graph_new(&graph, NULL), OD_OK);
    const int x = od_graph_input(graph, "x", OD_VALUE_F32, (od_shape){1, {4}});
    const int w = od_graph_parameter(graph, "w", (od_shape){2, {4, 4}});
    const int labels = od_graph_input(graph, "labels", OD_VALUE_I32, (od_shape){0});
    const int a = add(graph, OD_OP_LINEAR, "a", x, w);
    const int b = add(graph, OD_OP_LAYERNORM, "b", a, -1);
    const int c = add(graph, OD_OP_GELU, "c", a, -1);
    const int d = add(graph, OD_OP_CONNECT, "d", b, c);
    const int e = add(graph, OD_OP_LAYERNORM, "e", d, -1);
    add(graph, OD_OP_CROSS_ENTROPY, "loss", e, labels);
    assert_int_equal(od_graph_finish(graph, NULL), OD_OK);
    assert_int_equal(od_graph_fuse(graph, NULL), OD_OK);
    assert_int_equal(graph->node_count, 6);
    od_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_replaced),
        cmocka_unit_test(patterns_stay_as_they_are),
        cmocka_unit_test(parameters_stay),
        cmocka_unit_test(both_train_to_the_same_numbers),
        cmocka_unit_test(others_that_read_prevent_fusion),
    };
    return cmocka_run_group_tests_name("fuse", tests, NULL, NULL);
}
