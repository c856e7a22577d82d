// SPDX-License-Identifier: Apache-2.0
// The state of a run as named tensors, out and back. A list is one block of memory: copies of the
// flat buffers one behind the other; of a model, see model_copy.
#include "core/train/trainer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t flat_bytes(const od_trainer *t) {
    return (size_t)t->model->flat_count * sizeof(float);
}

static od_status list_new(size_t capacity, size_t bytes, od_tensor_list *out, od_error *error) {
    *out = (od_tensor_list){
        .tensors = calloc(capacity + 1, sizeof *out->tensors),
        .bytes = calloc(bytes + 1, 1),
    };
    if (out->tensors == NULL || out->bytes == NULL) {
        od_trainer_tensors_fini(out);
        od_error_set(error, OD_E_NO_MEMORY, "no memory for a copy of %zu bytes of state", bytes);
        return OD_E_NO_MEMORY;
    }
    return OD_OK;
}

void od_trainer_tensors_fini(od_tensor_list *list) {
    free(list->tensors);
    free(list->bytes);
    *list = (od_tensor_list){0};
}

// "PREFIX.NAME", or NAME without a prefix; data is set by the caller.
static od_named_tensor named(const od_model_tensor *tensor, const char *prefix) {
    const od_dtype dtype = tensor->kind == OD_TENSOR_COUNTER ? OD_I64 : OD_F32;
    od_named_tensor out = {.dtype = dtype, .rank = tensor->rank};
    memcpy(out.shape, tensor->shape, sizeof out.shape);
    snprintf(out.name, sizeof out.name, "%s%s%.100s", prefix, *prefix == 0 ? "" : ".",
             tensor->name);
    return out;
}

// Downloads the flat buffer `from` to `to` and lists the learnable tensors in it.
static void append_flat(const od_trainer *t, const char *prefix, const float *from, float *to,
                        od_tensor_list *list) {
    t->backend->download(t->device, to, from, flat_bytes(t));
    for (int i = 0; i < t->model->tensor_count; i++) {
        const od_model_tensor *tensor = &t->model->tensors[i];
        if (tensor->kind == OD_TENSOR_LEARNABLE) {
            od_named_tensor out = named(tensor, prefix);
            out.data = to + tensor->offset;
            list->tensors[list->count++] = out;
        }
    }
}

// The parts of the block of a model's list.
typedef struct model_copy {
    int64_t *counters;    // [tensor_count]
    float *flat, *states; // as on the device
    float *constants;     // [tensor_count]
    size_t flat_bytes, states_bytes, total_bytes;
} model_copy;

static model_copy copy_in(const od_trainer *t, void *bytes) {
    const size_t tensors = (size_t)t->model->tensor_count;
    model_copy copy = {.counters = bytes, .flat_bytes = flat_bytes(t)};
    copy.states_bytes = (size_t)t->model->state_count * sizeof(float);
    copy.total_bytes = tensors * (sizeof *copy.counters + sizeof *copy.constants) +
                       copy.flat_bytes + copy.states_bytes;
    if (bytes != NULL) {
        copy.flat = (float *)(void *)(copy.counters + tensors);
        copy.states = copy.flat + t->model->flat_count;
        copy.constants = copy.states + t->model->state_count;
    }
    return copy;
}

static void *data_of(const od_model_tensor *tensor, const model_copy *copy, int index) {
    switch (tensor->kind) {
    case OD_TENSOR_LEARNABLE:
        return copy->flat + tensor->offset;
    case OD_TENSOR_STATE:
        return copy->states + tensor->offset;
    case OD_TENSOR_COUNTER:
        return copy->counters + index;
    default:
        return copy->constants + index;
    }
}

// All of the state_dict, in its order.
static void append_model(const od_trainer *t, od_tensor_list *list) {
    const od_model *model = t->model;
    const model_copy copy = copy_in(t, list->bytes);
    t->backend->download(t->device, copy.flat, t->parameters, copy.flat_bytes);
    t->backend->download(t->device, copy.states, t->buffers, copy.states_bytes);
    for (int i = 0; i < model->tensor_count; i++) {
        const od_model_tensor *tensor = &model->tensors[i];
        copy.counters[i] = t->counters[i];
        copy.constants[i] = tensor->init.scale;
        od_named_tensor out = named(tensor, "");
        out.data = data_of(tensor, &copy, i);
        list->tensors[list->count++] = out;
    }
}

static od_status sync_or_fini(const od_trainer *t, od_tensor_list *list, od_error *error) {
    od_status status = t->backend->sync(t->device, error);
    if (status != OD_OK) {
        od_trainer_tensors_fini(list);
    }
    return status;
}

od_status od_trainer_model(const od_trainer *trainer, od_tensor_list *out, od_error *error) {
    const size_t count = (size_t)trainer->model->tensor_count;
    OD_TRY(list_new(count, copy_in(trainer, NULL).total_bytes, out, error));
    append_model(trainer, out);
    return sync_or_fini(trainer, out, error);
}

od_status od_trainer_optimizer(const od_trainer *trainer, od_tensor_list *out, od_error *error) {
    const od_optimizer *optimizer = trainer->optimizer;
    const size_t states = (size_t)optimizer->state_count;
    OD_TRY(list_new(states * (size_t)trainer->model->tensor_count, states * flat_bytes(trainer),
                    out, error));
    float *flat = out->bytes;
    for (int i = 0; i < optimizer->state_count; i++) {
        append_flat(trainer, optimizer->states[i], trainer->states[i],
                    flat + i * trainer->model->flat_count, out);
    }
    return sync_or_fini(trainer, out, error);
}

// --- loading -------------------------------------------------------------------------------

static const od_named_tensor *find(const od_named_tensor *tensors, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tensors[i].name, name) == 0) {
            return &tensors[i];
        }
    }
    return NULL;
}

static void print_shape(char *out, size_t out_bytes, int rank, const int64_t *shape) {
    size_t length = (size_t)snprintf(out, out_bytes, "[");
    for (int i = 0; i < rank && length < out_bytes; i++) {
        length += (size_t)snprintf(out + length, out_bytes - length, "%s%lld", i > 0 ? ", " : "",
                                   (long long)shape[i]);
    }
    if (length < out_bytes) {
        snprintf(out + length, out_bytes - length, "]");
    }
}

static od_status check_shape(const od_named_tensor *wanted, const od_named_tensor *given,
                             od_error *error) {
    if (given->dtype != wanted->dtype) {
        return od_error_set(error, OD_E_INVALID, "%s is not %s", given->name,
                            wanted->dtype == OD_F32 ? "float32" : "int64");
    }
    if (given->rank == wanted->rank &&
        memcmp(given->shape, wanted->shape, (size_t)wanted->rank * sizeof *wanted->shape) == 0) {
        return OD_OK;
    }
    char is[128], wants[128];
    print_shape(is, sizeof is, given->rank, given->shape);
    print_shape(wants, sizeof wants, wanted->rank, wanted->shape);
    return od_error_set(error, OD_E_INVALID, "%s has shape %s; this model has %s", given->name, is,
                        wants);
}

// wanted is what this run would save now. Exactly these names, each once, in any order.
static od_status check_tensors(const od_tensor_list *wanted, const od_named_tensor *tensors,
                               size_t count, od_error *error) {
    for (size_t i = 0; i < wanted->count; i++) {
        const od_named_tensor *given = find(tensors, count, wanted->tensors[i].name);
        if (given == NULL) {
            return od_error_set(error, OD_E_INVALID, "%s is missing", wanted->tensors[i].name);
        }
        OD_TRY(check_shape(&wanted->tensors[i], given, error));
    }
    for (size_t i = 0; i < count; i++) {
        if (find(wanted->tensors, wanted->count, tensors[i].name) == NULL ||
            find(tensors, i, tensors[i].name) != NULL) {
            return od_error_set(error, OD_E_INVALID, "%s is unexpected", tensors[i].name);
        }
    }
    return OD_OK;
}

static int64_t count_of(const od_named_tensor *tensor) {
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
    }
    return count;
}

// Writes the given values over the copies in wanted.
static void take_values(od_tensor_list *wanted, const od_named_tensor *tensors, size_t count) {
    for (size_t i = 0; i < wanted->count; i++) {
        od_named_tensor *tensor = &wanted->tensors[i];
        memcpy(tensor->data, find(tensors, count, tensor->name)->data,
               (size_t)count_of(tensor) * (tensor->dtype == OD_F32 ? 4 : 8));
    }
}

// A model with another residual_eps computes something else than this run says it does.
static od_status check_buffers(const od_trainer *t, const od_named_tensor *tensors, size_t count,
                               od_error *error) {
    for (int i = 0; i < t->model->tensor_count; i++) {
        const od_model_tensor *tensor = &t->model->tensors[i];
        if (tensor->kind != OD_TENSOR_CONSTANT) {
            continue;
        }
        float value;
        memcpy(&value, find(tensors, count, tensor->name)->data, sizeof value);
        if (value != tensor->init.scale) {
            return od_error_set(error, OD_E_INVALID, "%s is %g; this run has %g", tensor->name,
                                (double)value, (double)tensor->init.scale);
        }
    }
    return OD_OK;
}

od_status od_trainer_load_model(od_trainer *trainer, const od_named_tensor *tensors, size_t count,
                                od_error *error) {
    od_tensor_list wanted;
    OD_TRY(od_trainer_model(trainer, &wanted, error));
    od_status status = check_tensors(&wanted, tensors, count, error);
    if (status == OD_OK) {
        status = check_buffers(trainer, tensors, count, error);
    }
    if (status == OD_OK) {
        take_values(&wanted, tensors, count);
        const model_copy copy = copy_in(trainer, wanted.bytes);
        trainer->backend->upload(trainer->device, trainer->parameters, copy.flat, copy.flat_bytes);
        trainer->backend->upload(trainer->device, trainer->buffers, copy.states, copy.states_bytes);
        memcpy(trainer->counters, copy.counters,
               (size_t)trainer->model->tensor_count * sizeof *trainer->counters);
        status = trainer->backend->sync(trainer->device, error);
    }
    od_trainer_tensors_fini(&wanted);
    return status;
}

od_status od_trainer_load_optimizer(od_trainer *trainer, const od_named_tensor *tensors,
                                    size_t count, int64_t step, od_error *error) {
    if (step < 0 || step > trainer->plan.steps) {
        return od_error_set(error, OD_E_INVALID, "step is %lld; this run has 0 to %lld",
                            (long long)step, (long long)trainer->plan.steps);
    }
    od_tensor_list wanted;
    OD_TRY(od_trainer_optimizer(trainer, &wanted, error));
    od_status status = check_tensors(&wanted, tensors, count, error);
    if (status == OD_OK) {
        take_values(&wanted, tensors, count);
        const float *flat = wanted.bytes;
        for (int i = 0; i < trainer->optimizer->state_count; i++) {
            trainer->backend->upload(trainer->device, trainer->states[i],
                                     flat + i * trainer->model->flat_count, flat_bytes(trainer));
        }
        status = trainer->backend->sync(trainer->device, error);
    }
    if (status == OD_OK) {
        trainer->step = step;
    }
    od_trainer_tensors_fini(&wanted);
    return status;
}
