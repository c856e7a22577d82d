// SPDX-License-Identifier: Apache-2.0
// Building and checking of graphs. The first fault is kept in the graph and ends the building.
#include "core/graph/graph.h"

#include "core/op/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

od_status od_graph_new(od_graph **out, od_error *error) {
    od_graph *graph = calloc(1, sizeof *graph);
    if (graph == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a graph");
    }
    graph->block = -1;
    *out = graph;
    return OD_OK;
}

void od_graph_free(od_graph *graph) {
    if (graph == NULL) {
        return;
    }
    free(graph->values);
    free(graph->nodes);
    free(graph);
}

od_status od_graph_fault(od_graph *graph, const char *format, ...) {
    if (graph->fault.status == OD_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(graph->fault.text, sizeof graph->fault.text, format, arguments);
        va_end(arguments);
        graph->fault.status = OD_E_INVALID;
    }
    return graph->fault.status;
}

static bool failed(const od_graph *graph) {
    return graph->fault.status != OD_OK;
}

static void *grown(od_graph *graph, void *items, int count, int *capacity, size_t item_bytes) {
    if (count < *capacity) {
        return items;
    }
    int wanted = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
    void *larger = realloc(items, (size_t)wanted * item_bytes);
    if (larger == NULL) {
        od_error_set(&graph->fault, OD_E_NO_MEMORY, "no memory for a graph of %d parts", wanted);
        return items;
    }
    *capacity = wanted;
    return larger;
}

static int add_value(od_graph *graph, const od_value *value) {
    if (failed(graph)) {
        return -1;
    }
    graph->values = grown(graph, graph->values, graph->value_count, &graph->value_capacity,
                          sizeof *graph->values);
    if (failed(graph)) {
        return -1;
    }
    graph->values[graph->value_count] = *value;
    return graph->value_count++;
}

static od_value new_value(od_value_kind kind, const char *name, od_value_type type,
                          od_shape shape) {
    od_value value = {.kind = kind, .type = type, .shape = shape, .producer = -1};
    snprintf(value.name, sizeof value.name, "%s", name);
    return value;
}

static bool shape_is_positive(const od_shape *shape) {
    bool positive = shape->rank >= 0 && shape->rank <= OD_SHAPE_MAX_RANK;
    for (int i = 0; positive && i < shape->rank; i++) {
        positive = shape->at[i] > 0;
    }
    return positive;
}

int od_graph_input(od_graph *graph, const char *name, od_value_type type, od_shape shape) {
    if (!shape_is_positive(&shape)) {
        od_graph_fault(graph, "input %s has a side that is not positive", name);
    }
    od_value value = new_value(OD_VALUE_INPUT, name, type, shape);
    value.batched = true;
    return add_value(graph, &value);
}

int od_graph_parameter(od_graph *graph, const char *name, od_shape shape) {
    if (!shape_is_positive(&shape)) {
        od_graph_fault(graph, "parameter %s has a side that is not positive", name);
    }
    od_value value = new_value(OD_VALUE_PARAMETER, name, OD_VALUE_F32, shape);
    value.has_gradient = true;
    return add_value(graph, &value);
}

int od_graph_state(od_graph *graph, const char *name, od_shape shape) {
    if (!shape_is_positive(&shape)) {
        od_graph_fault(graph, "state %s has a side that is not positive", name);
    }
    const od_value value = new_value(OD_VALUE_STATE, name, OD_VALUE_F32, shape);
    return add_value(graph, &value);
}

int od_graph_output(od_graph *graph, od_node *node, const char *name, od_value_type type,
                    od_shape shape, od_gradient gradient) {
    if (node->output_count == OD_NODE_MAX_OUTPUTS) {
        od_graph_fault(graph, "node %s has more than %d outputs", name, OD_NODE_MAX_OUTPUTS);
        return -1;
    }
    od_value value = new_value(OD_VALUE_ACTIVATION, name, type, shape);
    value.batched = true;
    value.has_gradient = gradient == OD_WITH_GRADIENT && node->has_backward;
    value.producer = graph->node_count;
    int index = add_value(graph, &value);
    node->outputs[node->output_count++] = index;
    return index;
}

static int add_saved(od_graph *graph, od_node *node, const char *name, od_shape shape,
                     bool batched) {
    if (node->saved_count == OD_NODE_MAX_SAVED) {
        od_graph_fault(graph, "node %s has more than %d saved values", name, OD_NODE_MAX_SAVED);
        return -1;
    }
    od_value value = new_value(OD_VALUE_SAVED, name, OD_VALUE_F32, shape);
    value.batched = batched;
    value.producer = graph->node_count;
    int index = add_value(graph, &value);
    node->saved[node->saved_count++] = index;
    return index;
}

int od_graph_saved(od_graph *graph, od_node *node, const char *name, od_shape shape) {
    return add_saved(graph, node, name, shape, true);
}

int od_graph_saved_once(od_graph *graph, od_node *node, const char *name, od_shape shape) {
    return add_saved(graph, node, name, shape, false);
}

// Inputs that exist; no activation twice; has_backward when one has a gradient.
static void take_inputs(od_graph *graph, od_node *node, const od_node_spec *spec) {
    node->input_count = spec->input_count;
    for (int i = 0; i < spec->input_count && !failed(graph); i++) {
        int value = spec->inputs[i];
        if (value < 0 || value >= graph->value_count) {
            od_graph_fault(graph, "input %d of %s is no value of this graph", i, spec->name);
            return;
        }
        for (int j = 0; j < i; j++) {
            if (spec->inputs[j] == value) {
                od_graph_fault(graph, "%s has %s as an input twice", spec->name,
                               graph->values[value].name);
            }
        }
        node->inputs[i] = value;
        node->has_backward = node->has_backward || graph->values[value].has_gradient;
    }
}

int od_graph_add(od_graph *graph, const od_node_spec *spec) {
    if (failed(graph)) {
        return -1;
    }
    const od_op *op = od_op_of(spec->op);
    od_node node = {
        .op = spec->op, .attributes = spec->attributes, .block = graph->block, .connection = -1};
    take_inputs(graph, &node, spec);
    if (op->shape == NULL) {
        od_graph_fault(graph, "%s: a node of kind %s is made by fusion only", spec->name, op->name);
        return -1;
    }
    if (failed(graph) || op->shape(graph, &node, spec->name) != OD_OK) {
        return -1;
    }
    if (spec->tag != NULL) {
        snprintf(node.tag, sizeof node.tag, "%s", spec->tag);
        node.connection = graph->connection_count++;
    }
    graph->nodes =
        grown(graph, graph->nodes, graph->node_count, &graph->node_capacity, sizeof *graph->nodes);
    if (failed(graph)) {
        return -1;
    }
    graph->nodes[graph->node_count++] = node;
    graph->finished = false;
    return node.outputs[0];
}

void od_graph_set_block(od_graph *graph, int block) {
    graph->block = block;
}

void od_graph_recompute_blocks(od_graph *graph) {
    graph->recompute = true;
}

void od_graph_keep(od_graph *graph, int value) {
    if (!failed(graph)) {
        graph->values[value].keep = true;
    }
}

static void count_consumers(od_graph *graph) {
    for (int v = 0; v < graph->value_count; v++) {
        graph->values[v].consumers = 0;
    }
    for (int n = 0; n < graph->node_count; n++) {
        for (int i = 0; i < graph->nodes[n].input_count; i++) {
            graph->values[graph->nodes[n].inputs[i]].consumers++;
        }
    }
}

// In the order of backward, the first consumer of an activation overwrites its gradient. `seen`
// has a zeroed place for each value.
static void share_gradients(od_graph *graph, bool *seen) {
    for (int n = graph->node_count - 1; n >= 0; n--) {
        od_node *node = &graph->nodes[n];
        node->accumulate = 0;
        for (int i = 0; i < node->input_count; i++) {
            const od_value *value = &graph->values[node->inputs[i]];
            if (value->kind != OD_VALUE_ACTIVATION || !value->has_gradient) {
                continue;
            }
            if (seen[node->inputs[i]]) {
                node->accumulate |= 1U << i;
            }
            seen[node->inputs[i]] = true;
        }
        const od_op *op = od_op_of(node->op);
        if ((node->accumulate & ~op->can_accumulate) != 0) {
            od_graph_fault(graph,
                           "%s cannot add to the gradient of its input, which other nodes "
                           "read too",
                           graph->values[node->outputs[0]].name);
        }
    }
}

static void check_gradient_sources(od_graph *graph) {
    for (int v = 0; v < graph->value_count; v++) {
        const od_value *value = &graph->values[v];
        if (value->kind == OD_VALUE_ACTIVATION && value->has_gradient && value->consumers == 0) {
            od_graph_fault(graph, "the gradient of %s has no source: nothing reads it",
                           value->name);
        }
    }
}

static void find_reads(od_graph *graph) {
    for (int n = 0; n < graph->node_count; n++) {
        od_node *node = &graph->nodes[n];
        const od_op *op = od_op_of(node->op);
        bool reads = node->has_backward && op->reads != NULL;
        node->reads = reads ? op->reads(node) : (od_reads){0};
    }
}

od_status od_graph_finish(od_graph *graph, od_error *error) {
    bool *seen = calloc((size_t)graph->value_count + 1, sizeof *seen);
    if (seen == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to finish a graph");
    }
    if (!failed(graph)) {
        count_consumers(graph);
        share_gradients(graph, seen);
        check_gradient_sources(graph);
        find_reads(graph);
    }
    free(seen);
    if (failed(graph)) {
        return od_error_set(error, graph->fault.status, "%s", graph->fault.text);
    }
    graph->finished = true;
    return OD_OK;
}

int64_t od_shape_count(const od_shape *shape) {
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= shape->at[i];
    }
    return count;
}

int64_t od_value_count(const od_value *value, int64_t batch) {
    return od_shape_count(&value->shape) * (value->batched ? batch : 1);
}

int64_t od_value_bytes(const od_value *value, int64_t batch) {
    return od_value_count(value, batch) * 4;
}

double od_graph_flops(const od_graph *graph) {
    double flops = 0;
    for (int n = 0; n < graph->node_count; n++) {
        const od_op *op = od_op_of(graph->nodes[n].op);
        flops += op->flops == NULL ? 0 : op->flops(graph, &graph->nodes[n]);
    }
    return flops;
}
