// SPDX-License-Identifier: Apache-2.0
#include "core/graph/run.h"

#include "core/graph/run_private.h"
#include "core/op/op.h"

#include <stdlib.h>

static od_status allocate(od_run *run, const od_plan *plan, od_error *error) {
    const od_graph *graph = run->graph;
    const size_t count = (size_t)graph->value_count;
    void *memory = NULL;
    run->values = calloc(count + 1, sizeof *run->values);
    run->gradients = calloc(count + 1, sizeof *run->gradients);
    if (run->values == NULL || run->gradients == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a graph of %zu values", count);
    }
    OD_TRY(run->backend->alloc(run->device, (size_t)plan->arena_bytes, &memory, error));
    run->arena = memory;
    if (plan->stats_bytes > 0) {
        OD_TRY(run->backend->alloc(run->device, (size_t)plan->stats_bytes, &memory, error));
        run->stats = memory;
    }
    return OD_OK;
}

static od_status check_kernels(const od_graph *graph, const od_backend *backend, od_error *error) {
    for (int n = 0; n < graph->node_count; n++) {
        const od_op *op = od_op_of(graph->nodes[n].op);
        if (op->runs_on != NULL && !op->runs_on(backend)) {
            return od_error_set(error, OD_E_UNSUPPORTED,
                                "the %s backend cannot compute %s, which this model needs; give "
                                "resources.device \"cpu\"",
                                backend->name, op->name);
        }
    }
    return OD_OK;
}

static void place_values(od_run *run, const od_plan *plan) {
    for (int v = 0; v < run->graph->value_count; v++) {
        if (plan->value_offset[v] >= 0) {
            run->values[v] = run->arena + plan->value_offset[v];
        }
        if (plan->gradient_offset[v] >= 0) {
            run->gradients[v] = run->arena + plan->gradient_offset[v];
        }
    }
}

od_status od_run_new(const od_graph *graph, const od_plan *plan, const od_backend *backend,
                     od_device *device, od_run **out, od_error *error) {
    od_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a run");
    }
    run->graph = graph;
    run->steps = &plan->steps;
    run->backend = backend;
    run->device = device;
    od_status status = check_kernels(graph, backend, error);
    status = status == OD_OK ? allocate(run, plan, error) : status;
    if (status != OD_OK) {
        od_run_free(run);
        return status;
    }
    place_values(run, plan);
    *out = run;
    return OD_OK;
}

void od_run_free(od_run *run) {
    if (run == NULL) {
        return;
    }
    run->backend->free(run->device, run->stats);
    run->backend->free(run->device, run->arena);
    free(run->gradients);
    free(run->values);
    free(run);
}

void od_run_bind(od_run *run, int value, void *memory, float *gradient) {
    run->values[value] = memory;
    run->gradients[value] = gradient;
}

static od_op_call call_of(const od_run *run, const od_run_options *options,
                          const od_graph_step *step) {
    const od_node *node = &run->graph->nodes[step->node];
    const bool again = step->kind == OD_STEP_RECOMPUTE;
    const bool connects = node->connection >= 0;
    const bool stats = options->want_stats && connects && !again;
    return (od_op_call){
        .graph = run->graph,
        .node = node,
        .backend = run->backend,
        .device = run->device,
        .batch = options->batch,
        .values = run->values,
        .gradients = run->gradients,
        .training = options->training,
        .recompute = again || options->recompute,
        .loss_scale = options->loss_scale,
        .linear = connects && options->linear != NULL && options->linear[node->connection],
        .seed = options->seed,
        .draw = options->draw,
        .stats = stats ? run->stats + node->connection * OD_PLAN_STATS_STRIDE : NULL,
    };
}

void od_run_step(od_run *run, const od_run_options *options, int step) {
    const od_op_call call = call_of(run, options, &run->steps->items[step]);
    const od_op *op = od_op_of(call.node->op);
    if (run->steps->items[step].kind == OD_STEP_BACKWARD) {
        op->backward(&call);
    } else {
        op->forward(&call);
    }
}

void od_run_forward(od_run *run, const od_run_options *options) {
    for (int s = 0; s < run->steps->forward_count; s++) {
        od_run_step(run, options, s);
    }
}

void od_run_backward(od_run *run, const od_run_options *options) {
    for (int s = run->steps->forward_count; s < run->steps->count; s++) {
        od_run_step(run, options, s);
    }
}

void *od_run_memory(const od_run *run, int value) {
    return run->values[value];
}

const float *od_run_stats(const od_run *run) {
    return run->stats;
}
