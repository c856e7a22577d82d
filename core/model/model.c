// SPDX-License-Identifier: Apache-2.0
#include "core/model/model.h"

#include "core/graph/fuse.h"
#include "core/model/resnet.h"
#include "core/model/vit.h"
#include "core/rng/philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY = 64,
    FLAT_ALIGNMENT = 16, // floats
};

typedef struct architecture {
    const char *name;
    od_status (*build)(const od_spec *spec, od_model *model, od_error *error);
} architecture;

static const architecture architectures[] = {
    {"vit", od_vit_build},         {"resnet18", od_resnet_build},  {"resnet34", od_resnet_build},
    {"resnet50", od_resnet_build}, {"resnet101", od_resnet_build}, {"resnet152", od_resnet_build},
};

static od_status build(const od_spec *spec, od_model *model, od_error *error) {
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        if (strcmp(spec->model.arch, architectures[i].name) == 0) {
            return architectures[i].build(spec, model, error);
        }
    }
    return od_error_set(error, OD_E_UNSUPPORTED,
                        "this build has no model \"%s\"; give \"vit\" or \"resnet18\"",
                        spec->model.arch);
}

static void lay_out(od_model *model) {
    for (int i = 0; i < model->tensor_count; i++) {
        od_model_tensor *tensor = &model->tensors[i];
        if (tensor->value < 0) {
            tensor->offset = -1;
            continue;
        }
        int64_t *end =
            tensor->kind == OD_TENSOR_LEARNABLE ? &model->flat_count : &model->state_count;
        tensor->offset = *end;
        *end += (tensor->count + FLAT_ALIGNMENT - 1) / FLAT_ALIGNMENT * FLAT_ALIGNMENT;
    }
}

static od_status assemble(const od_spec *spec, bool fuse, od_model *model, od_error *error) {
    OD_TRY(od_graph_new(&model->graph, error));
    OD_TRY(build(spec, model, error));
    OD_TRY(od_graph_finish(model->graph, error));
    if (spec->train.gradient_checkpointing) {
        od_graph_recompute_blocks(model->graph);
    }
    lay_out(model);
    return fuse ? od_graph_fuse(model->graph, error) : OD_OK;
}

od_status od_model_new(const od_spec *spec, bool fuse, od_model **out, od_error *error) {
    od_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a model");
    }
    od_status status = assemble(spec, fuse, model, error);
    if (status != OD_OK) {
        od_model_free(model);
        return status;
    }
    *out = model;
    return OD_OK;
}

void od_model_free(od_model *model) {
    if (model == NULL) {
        return;
    }
    od_graph_free(model->graph);
    free(model->tensors);
    free(model);
}

int64_t od_model_parameters(const od_model *model) {
    int64_t count = 0;
    for (int i = 0; i < model->tensor_count; i++) {
        count += model->tensors[i].kind == OD_TENSOR_LEARNABLE ? model->tensors[i].count : 0;
    }
    return count;
}

// side: of the matrix, for the identity.
static void fill(od_philox *stream, const od_init *init, int64_t count, int64_t side,
                 float *values) {
    for (int64_t i = 0; i < count; i++) {
        switch (init->kind) {
        case OD_INIT_CONSTANT:
            values[i] = init->scale;
            break;
        case OD_INIT_UNIFORM:
            values[i] = (2 * od_philox_uniform(stream) - 1) * init->scale;
            break;
        case OD_INIT_NORMAL:
            values[i] = od_philox_normal(stream) * init->scale;
            break;
        case OD_INIT_IDENTITY:
            values[i] = i % (side + 1) == 0 ? init->scale : 0;
            break;
        }
    }
}

void od_model_init_tensor(const od_model *model, int index, uint64_t seed, float *values) {
    uint64_t number = 0;
    for (int i = 0; i < index; i++) {
        number += model->tensors[i].kind == OD_TENSOR_LEARNABLE ? 1 : 0;
    }
    od_philox stream;
    od_philox_init(&stream, seed, OD_PURPOSE_INIT, 0, number);
    const od_model_tensor *tensor = &model->tensors[index];
    fill(&stream, &tensor->init, tensor->count, tensor->shape[0], values);
}

// An entry of one value that is in files alone, at the end of the list, or NULL after a fault.
static od_model_tensor *add_tensor(od_model *model, const char *name, od_tensor_kind kind) {
    const bool is_full = model->tensor_count % FIRST_CAPACITY == 0;
    if (is_full) {
        const size_t capacity = (size_t)model->tensor_count + FIRST_CAPACITY;
        od_model_tensor *larger = realloc(model->tensors, capacity * sizeof *larger);
        if (larger == NULL) {
            od_graph_fault(model->graph, "no memory for %zu tensors", capacity);
            return NULL;
        }
        model->tensors = larger;
    }
    od_model_tensor *tensor = &model->tensors[model->tensor_count++];
    *tensor = (od_model_tensor){.kind = kind, .count = 1, .value = -1};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    return tensor;
}

int od_model_add_parameter(od_model *model, const char *name, int rank, const int64_t *shape,
                           od_shape value_shape, od_init init) {
    od_model_tensor *tensor = add_tensor(model, name, OD_TENSOR_LEARNABLE);
    if (tensor == NULL) {
        return -1;
    }
    tensor->rank = rank;
    for (int i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        tensor->count *= shape[i];
    }
    tensor->init = init;
    tensor->value = od_graph_parameter(model->graph, name, value_shape);
    return tensor->value;
}

int od_model_add_state(od_model *model, const char *name, int64_t count, float value) {
    od_model_tensor *tensor = add_tensor(model, name, OD_TENSOR_STATE);
    if (tensor == NULL) {
        return -1;
    }
    tensor->rank = 1;
    tensor->shape[0] = tensor->count = count;
    tensor->init = (od_init){OD_INIT_CONSTANT, value};
    tensor->value = od_graph_state(model->graph, name, (od_shape){1, {count}});
    return tensor->value;
}

void od_model_add_buffer(od_model *model, const char *name, int rank, float value) {
    od_model_tensor *tensor = add_tensor(model, name, OD_TENSOR_CONSTANT);
    if (tensor == NULL) {
        return;
    }
    tensor->rank = rank;
    tensor->shape[0] = 1;
    tensor->init = (od_init){OD_INIT_CONSTANT, value};
}

void od_model_add_counter(od_model *model, const char *name) {
    (void)add_tensor(model, name, OD_TENSOR_COUNTER);
}

void od_model_add_loss(od_model *model, const od_spec *spec) {
    od_graph *graph = model->graph;
    const bool is_soft = spec->data.mixup.is_on;
    model->labels = od_graph_input(graph, "labels", OD_VALUE_I32, (od_shape){0});
    model->targets = is_soft ? od_graph_input(graph, "targets", OD_VALUE_F32,
                                              (od_shape){1, {spec->model.classes}})
                             : -1;
    model->loss =
        od_graph_add(graph, &(od_node_spec){
                                .op = is_soft ? OD_OP_CROSS_ENTROPY_SOFT : OD_OP_CROSS_ENTROPY,
                                .name = "loss",
                                .inputs = {model->logits, model->labels, model->targets},
                                .input_count = is_soft ? 3 : 2,
                                .attributes.smoothing = (float)spec->train.label_smoothing,
                            });
    model->rank = model->loss + 1; // the outputs of a node follow each other
    od_graph_keep(graph, model->features);
    od_graph_keep(graph, model->logits);
    od_graph_keep(graph, model->loss);
    od_graph_keep(graph, model->rank);
}
