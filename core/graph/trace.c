// SPDX-License-Identifier: Apache-2.0
// Whatever a step has written is copied to the host and looked through. The first hit ends it.
#include "core/graph/trace.h"

#include "core/graph/run_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct tracer {
    od_run *run;
    const od_run_options *options;
    float *host; // room for the largest value
    char *out;
    od_error *error;
    od_status status; // of the backend
} tracer;

static bool is_over(const tracer *t) {
    return t->out[0] != '\0' || t->status != OD_OK;
}

// "[5, 17, 301]" for flat index i of a value.
static void print_index(char *out, size_t out_bytes, const od_value *value, int64_t i) {
    int64_t at[OD_SHAPE_MAX_RANK + 1];
    int count = 0;
    for (int d = value->shape.rank - 1; d >= 0; d--) {
        at[count++] = i % value->shape.at[d];
        i /= value->shape.at[d];
    }
    if (value->batched) {
        at[count++] = i;
    }
    size_t used = (size_t)snprintf(out, out_bytes, "[");
    while (count > 0 && used < out_bytes) {
        count--;
        used += (size_t)snprintf(out + used, out_bytes - used, "%lld%s", (long long)at[count],
                                 count > 0 ? ", " : "]");
    }
}

static void look(tracer *t, const char *place, const char *what, int index, const void *memory) {
    const od_value *value = &t->run->graph->values[index];
    if (is_over(t) || memory == NULL || value->type != OD_VALUE_F32) {
        return;
    }
    const int64_t count = od_value_count(value, t->options->batch);
    t->run->backend->download(t->run->device, t->host, memory, (size_t)count * sizeof *t->host);
    t->status = t->run->backend->sync(t->run->device, t->error);
    int64_t bad = 0, first = 0;
    for (int64_t i = count - 1; i >= 0; i--) {
        const bool is_bad = !isfinite(t->host[i]);
        bad += is_bad;
        first = is_bad ? i : first;
    }
    if (t->status != OD_OK || bad == 0) {
        return;
    }
    char where[96];
    print_index(where, sizeof where, value, first);
    snprintf(t->out, OD_TRACE_TEXT_BYTES,
             "%s%s%s has %lld non-finite value%s of %lld, the first at %s", place, what,
             value->name, (long long)bad, bad == 1 ? "" : "s", (long long)count, where);
}

static void look_at_givens(tracer *t) {
    for (int v = 0; v < t->run->graph->value_count; v++) {
        const od_value_kind kind = t->run->graph->values[v].kind;
        if (kind == OD_VALUE_INPUT) {
            look(t, "", "the input ", v, t->run->values[v]);
        } else if (kind == OD_VALUE_PARAMETER) {
            look(t, "", "the parameter ", v, t->run->values[v]);
        } else if (kind == OD_VALUE_STATE) {
            look(t, "", "the state ", v, t->run->values[v]);
        }
    }
}

// "block 3 attn: ": a node without a tag of its own belongs to the module of the next connection.
static void print_place(const od_graph *graph, int n, char *out, size_t out_bytes) {
    const int block = graph->nodes[n].block;
    const char *tag = "";
    for (int m = n; m < graph->node_count && graph->nodes[m].block == block && *tag == '\0'; m++) {
        tag = graph->nodes[m].tag;
    }
    out[0] = '\0';
    if (block >= 0) {
        snprintf(out, out_bytes, "block %d%s%s: ", block, *tag == '\0' ? "" : " ", tag);
    }
}

static void look_at_values(tracer *t, const char *place, const od_node *node) {
    for (int i = 0; i < node->output_count; i++) {
        look(t, place, "", node->outputs[i], t->run->values[node->outputs[i]]);
    }
    for (int i = 0; i < node->saved_count; i++) {
        look(t, place, "a saved value of ", node->saved[i], t->run->values[node->saved[i]]);
    }
}

static void look_at_gradients(tracer *t, const char *place, const od_node *node) {
    for (int i = 0; i < node->input_count; i++) {
        look(t, place, "the gradient of ", node->inputs[i], t->run->gradients[node->inputs[i]]);
    }
}

static void run_and_look(tracer *t) {
    for (int s = 0; s < t->run->steps->count && !is_over(t); s++) {
        const od_graph_step *step = &t->run->steps->items[s];
        const od_node *node = &t->run->graph->nodes[step->node];
        char place[48];
        print_place(t->run->graph, step->node, place, sizeof place);
        od_run_step(t->run, t->options, s);
        if (step->kind == OD_STEP_BACKWARD) {
            look_at_gradients(t, place, node);
        } else {
            look_at_values(t, place, node);
        }
    }
}

od_status od_trace_non_finite(od_run *run, const od_run_options *options, char *out,
                              od_error *error) {
    int64_t most = 0;
    for (int v = 0; v < run->graph->value_count; v++) {
        const int64_t count = od_value_count(&run->graph->values[v], options->batch);
        most = count > most ? count : most;
    }
    tracer t = {.run = run, .options = options, .out = out, .error = error};
    out[0] = '\0';
    t.host = malloc((size_t)most * sizeof *t.host + 1);
    if (t.host == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to look at %lld values",
                            (long long)most);
    }
    look_at_givens(&t);
    run_and_look(&t);
    free(t.host);
    return t.status;
}
