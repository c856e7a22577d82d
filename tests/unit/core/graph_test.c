// SPDX-License-Identifier: Apache-2.0
// core/graph/graph.c and the shape rules of core/op: what is built, and what is refused.
#include "core/graph/graph.h"

#include "core/op/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static od_graph *fresh(void) {
    od_graph *graph;
    assert_int_equal(od_graph_new(&graph, NULL), OD_OK);
    return graph;
}

static int input(od_graph *graph, od_shape shape) {
    return od_graph_input(graph, "x", OD_VALUE_F32, shape);
}

static int parameter(od_graph *graph, od_shape shape) {
    return od_graph_parameter(graph, "w", shape);
}

static int node(od_graph *graph, od_op_kind op, int count, int a, int b, int c) {
    return od_graph_add(graph, &(od_node_spec){.op = op,
                                               .name = od_op_of(op)->name,
                                               .inputs = {a, b, c},
                                               .input_count = count});
}

static void expect_fault(od_graph *graph, const char *text) {
    od_error error = {0};
    assert_int_equal(od_graph_finish(graph, &error), OD_E_INVALID);
    if (strstr(error.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
    }
    assert_false(graph->finished);
    od_graph_free(graph);
}

static void every_kind_has_a_row(void **state) {
    (void)state;
    for (int kind = 0; kind < OD_OP_COUNT; kind++) {
        const od_op *op = od_op_of((od_op_kind)kind);
        assert_non_null(op);
        assert_non_null(op->name);
        assert_non_null(op->forward);
    }
}

// a is read by norm and, as the stream, by connect: connect comes first in backward.
static void later_consumers_in_backward_accumulate(void **state) {
    (void)state;
    od_graph *graph = fresh();
    const int x = input(graph, (od_shape){2, {5, 4}});
    const int labels = od_graph_input(graph, "labels", OD_VALUE_I32, (od_shape){0});
    const int a = node(graph, OD_OP_LINEAR, 2, x, parameter(graph, (od_shape){2, {4, 4}}), 0);
    const int norm = node(graph, OD_OP_LAYERNORM, 1, a, 0, 0);
    const int f = node(graph, OD_OP_GELU, 1, norm, 0, 0);
    const int y = node(graph, OD_OP_CONNECT, 2, a, f, 0);
    const int token = node(graph, OD_OP_FIRST_TOKEN, 1, y, 0, 0);
    node(graph, OD_OP_CROSS_ENTROPY, 2, token, labels, 0);
    assert_int_equal(od_graph_finish(graph, NULL), OD_OK);
    const unsigned expected[] = {0, 1, 0, 0, 0, 0};
    for (int n = 0; n < graph->node_count; n++) {
        assert_int_equal(graph->nodes[n].accumulate, expected[n]);
        assert_true(graph->nodes[n].has_backward);
    }
    assert_int_equal(graph->values[a].consumers, 2);
    assert_false(graph->values[x].has_gradient);
    assert_true(graph->values[a].has_gradient);
    assert_int_equal(od_value_count(&graph->values[a], 3), 60);
    assert_int_equal(od_value_bytes(&graph->values[a], 3), 240);
    // one product forward and the weight's gradient; x has none
    assert_true(od_graph_flops(graph) == 2.0 * 2 * 5 * 4 * 4);
    od_graph_free(graph);
}

static void linear_connections_read_nothing_in_backward(void **state) {
    (void)state;
    const struct {
        od_connection connection;
        unsigned inputs;
        int saved;
    } cases[] = {
        {OD_CONNECT_LINEAR, 0, 0}, {OD_CONNECT_NEGATIVE, 0, 0}, {OD_CONNECT_ORTHOGONAL, 3, 1}};
    for (size_t i = 0; i < 3; i++) {
        od_graph *graph = fresh();
        const od_shape shape = {1, {4}};
        const int labels = od_graph_input(graph, "labels", OD_VALUE_I32, (od_shape){0});
        const int w = parameter(graph, (od_shape){2, {4, 4}});
        const int v = parameter(graph, (od_shape){2, {4, 4}});
        const int x = node(graph, OD_OP_LINEAR, 2, input(graph, shape), w, 0);
        const int f = node(graph, OD_OP_LINEAR, 2, input(graph, shape), v, 0);
        const int y =
            od_graph_add(graph, &(od_node_spec){.op = OD_OP_CONNECT,
                                                .name = "y",
                                                .inputs = {x, f},
                                                .input_count = 2,
                                                .tag = "mlp",
                                                .attributes = {.connection = cases[i].connection}});
        node(graph, OD_OP_CROSS_ENTROPY, 2, y, labels, 0);
        assert_int_equal(od_graph_finish(graph, NULL), OD_OK);
        assert_int_equal(graph->nodes[2].reads.inputs, cases[i].inputs);
        assert_int_equal(graph->nodes[2].saved_count, cases[i].saved);
        assert_int_equal(graph->nodes[2].connection, 0);
        assert_string_equal(graph->nodes[2].tag, "mlp");
        od_graph_free(graph);
    }
}

static void shapes_that_do_not_fit_are_refused(void **state) {
    (void)state;
    od_graph *graph = fresh();
    node(graph, OD_OP_LINEAR, 2, input(graph, (od_shape){1, {4}}),
         parameter(graph, (od_shape){2, {3, 5}}), 0);
    expect_fault(graph, "side 1 of w is 5; it takes 4");

    graph = fresh();
    node(graph, OD_OP_LINEAR, 3, input(graph, (od_shape){1, {4}}),
         parameter(graph, (od_shape){2, {3, 4}}), parameter(graph, (od_shape){1, {4}}));
    expect_fault(graph, "side 0 of w is 4; it takes 3");

    graph = fresh();
    node(graph, OD_OP_CONNECT, 2, input(graph, (od_shape){2, {3, 4}}),
         input(graph, (od_shape){2, {4, 4}}), 0);
    expect_fault(graph, "side 0 of x is 4; it takes 3");

    graph = fresh();
    od_graph_add(graph, &(od_node_spec){.op = OD_OP_ATTENTION,
                                        .name = "a",
                                        .input_count = 1,
                                        .inputs = {input(graph, (od_shape){2, {5, 24}})},
                                        .attributes.heads = 3});
    expect_fault(graph, "3 heads do not divide a width of 8");

    graph = fresh();
    od_graph_add(graph, &(od_node_spec){.op = OD_OP_PATCHIFY,
                                        .name = "p",
                                        .input_count = 1,
                                        .inputs = {input(graph, (od_shape){3, {28, 28, 1}})},
                                        .attributes.patch = 5});
    expect_fault(graph, "patches of 5 do not divide images of 28 x 28");

    graph = fresh();
    node(graph, OD_OP_LAYERNORM, 2, input(graph, (od_shape){1, {4}}),
         parameter(graph, (od_shape){1, {4}}), 0);
    expect_fault(graph, "gamma and beta or neither");

    graph = fresh();
    node(graph, OD_OP_FIRST_TOKEN, 1, input(graph, (od_shape){1, {4}}), 0, 0);
    expect_fault(graph, "has rank 1; it takes rank 2");

    graph = fresh();
    node(graph, OD_OP_EMBED_TOKENS, 2, input(graph, (od_shape){2, {4, 4}}),
         parameter(graph, (od_shape){1, {4}}), 0);
    expect_fault(graph, "embed_tokens has 2 inputs; it takes 3 to 3");
}

static void wrong_wiring_is_refused(void **state) {
    (void)state;
    od_graph *graph = fresh();
    const int x = input(graph, (od_shape){1, {4}});
    node(graph, OD_OP_CONNECT, 2, x, x, 0);
    expect_fault(graph, "as an input twice");

    graph = fresh();
    node(graph, OD_OP_GELU, 1, 17, 0, 0);
    expect_fault(graph, "no value of this graph");

    graph = fresh();
    node(graph, OD_OP_LINEAR_GELU, 1, input(graph, (od_shape){1, {4}}), 0, 0);
    expect_fault(graph, "made by fusion only");

    graph = fresh();
    input(graph, (od_shape){2, {4, 0}});
    expect_fault(graph, "not positive");

    graph = fresh();
    node(graph, OD_OP_LINEAR, 2, input(graph, (od_shape){1, {4}}),
         parameter(graph, (od_shape){2, {4, 4}}), 0);
    expect_fault(graph, "has no source");
}

// gelu is not the first in backward to write the gradient of a, and cannot add to it.
static void gradients_that_cannot_be_added_to_are_refused(void **state) {
    (void)state;
    od_graph *graph = fresh();
    const int labels = od_graph_input(graph, "labels", OD_VALUE_I32, (od_shape){0});
    const int a = node(graph, OD_OP_LINEAR, 2, input(graph, (od_shape){1, {4}}),
                       parameter(graph, (od_shape){2, {4, 4}}), 0);
    const int b = node(graph, OD_OP_GELU, 1, a, 0, 0);
    node(graph, OD_OP_CROSS_ENTROPY, 2, node(graph, OD_OP_CONNECT, 2, a, b, 0), labels, 0);
    expect_fault(graph, "cannot add to the gradient");
}

// The first fault is the one that is told; what follows it does nothing.
static void faults_stick(void **state) {
    (void)state;
    od_graph *graph = fresh();
    const int bad = node(graph, OD_OP_GELU, 1, 3, 0, 0);
    assert_int_equal(bad, -1);
    assert_int_equal(input(graph, (od_shape){1, {4}}), -1);
    assert_int_equal(node(graph, OD_OP_LAYERNORM, 1, bad, 0, 0), -1);
    od_graph_keep(graph, bad);
    assert_int_equal(graph->value_count, 0);
    expect_fault(graph, "input 0 of gelu");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_row),
        cmocka_unit_test(later_consumers_in_backward_accumulate),
        cmocka_unit_test(linear_connections_read_nothing_in_backward),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(wrong_wiring_is_refused),
        cmocka_unit_test(gradients_that_cannot_be_added_to_are_refused),
        cmocka_unit_test(faults_stick),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
