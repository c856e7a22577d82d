// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/tiny.h"

#include "core/rng/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const float MEAN = 0.3F, STD = 0.2F;

od_spec tiny_spec(void) {
    od_spec spec = {
        .model = {.arch = "vit",
                  .width = 12,
                  .depth = 2,
                  .heads = 3,
                  .patch_size = 4,
                  .image_size = TINY_SIDE,
                  .channels = 1,
                  .classes = TINY_CLASSES},
        .residual = {.connection = OD_CONNECT_ORTHOGONAL, .eps = 1e-6F},
        .data = {.dataset = "tiny", .shuffle = true, .mean = {MEAN}, .std = {STD}},
        .train = {.epochs = 3,
                  .batch_size = TINY_BATCH,
                  .grad_accumulate_steps = 1,
                  .seed = 7,
                  .optimizer = {.type = OD_OPTIMIZER_ADAM,
                                .lr = 3e-3,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .momentum = 0.9},
                  .schedule = {.type = OD_SCHEDULE_CONST, .min_lr = -1},
                  .label_smoothing = 0.1},
        .threads = 1,
    };
    for (int i = 0; i < OD_SPEC_MAX_BLOCKS; i++) {
        spec.residual.orthogonal_block[i] = true;
    }
    return spec;
}

od_spec tiny_resnet_spec(void) {
    od_spec spec = tiny_spec();
    spec.model = (od_model_spec){.arch = "resnet18",
                                 .depth = 8,
                                 .image_size = TINY_SIDE,
                                 .channels = 1,
                                 .classes = TINY_CLASSES};
    spec.train.epochs = 1;
    spec.train.optimizer.type = OD_OPTIMIZER_SGD;
    spec.train.optimizer.lr = 0.02;
    return spec;
}

static void draw_image(od_philox *stream, int32_t label, uint8_t *pixels) {
    for (int y = 0; y < TINY_SIDE; y++) {
        for (int x = 0; x < TINY_SIDE; x++) {
            const int quarter = y / 2 % 2 * 2 + x / 2 % 2;
            const uint32_t light = quarter == label ? 120 : 0;
            pixels[y * TINY_SIDE + x] = (uint8_t)(light + od_philox_below(stream, 100));
        }
    }
}

od_dataset *tiny_dataset(int64_t count, uint64_t seed) {
    od_dataset *data = calloc(1, sizeof *data);
    assert_non_null(data);
    *data = (od_dataset){.count = count,
                         .height = TINY_SIDE,
                         .width = TINY_SIDE,
                         .channels = 1,
                         .classes = TINY_CLASSES};
    data->pixels = malloc((size_t)count * TINY_SIDE * TINY_SIDE);
    data->labels = malloc((size_t)count * sizeof *data->labels);
    assert_non_null(data->pixels);
    assert_non_null(data->labels);
    for (int64_t i = 0; i < count; i++) {
        od_philox stream;
        od_philox_init(&stream, seed, OD_PURPOSE_AUGMENT, 0, (uint64_t)i);
        data->labels[i] = (int32_t)od_philox_below(&stream, TINY_CLASSES);
        draw_image(&stream, data->labels[i], data->pixels + i * TINY_SIDE * TINY_SIDE);
    }
    return data;
}

od_trainer *tiny_trainer(const od_spec *spec, const char *backend) {
    static od_dataset *train, *eval;
    if (train == NULL) {
        train = tiny_dataset(TINY_TRAIN, 1);
        eval = tiny_dataset(TINY_EVAL, 2);
    }
    od_error error = {0};
    od_trainer *trainer = NULL;
    const od_device_options options = {.threads = spec->threads};
    od_status status =
        od_trainer_new(spec, od_backend_find(backend), &options, train, eval, &trainer, &error);
    if (status != OD_OK) {
        fail_msg("%s", error.text);
    }
    return trainer;
}

od_step_result tiny_steps(od_trainer *trainer, int steps) {
    od_step_result result = {0};
    for (int i = 0; i < steps; i++) {
        od_error error = {0};
        if (od_trainer_step(trainer, false, false, &result, &error) != OD_OK) {
            fail_msg("%s", error.text);
        }
    }
    return result;
}

static size_t bytes_of(const od_named_tensor *tensor) {
    size_t bytes = tensor->dtype == OD_I64 ? sizeof(int64_t) : sizeof(float);
    for (int i = 0; i < tensor->rank; i++) {
        bytes *= (size_t)tensor->shape[i];
    }
    return bytes;
}

void tiny_assert_same_tensors(const od_tensor_list *left, const od_tensor_list *right) {
    assert_int_equal(left->count, right->count);
    for (size_t i = 0; i < left->count; i++) {
        const od_named_tensor *a = &left->tensors[i], *b = &right->tensors[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(bytes_of(a), bytes_of(b));
        if (memcmp(a->data, b->data, bytes_of(a)) != 0) {
            fail_msg("%s differs", a->name);
        }
    }
}

static void fill_parameters(tiny_rig *rig) {
    for (int i = 0; i < rig->model->tensor_count; i++) {
        const od_model_tensor *tensor = &rig->model->tensors[i];
        if (tensor->kind == OD_TENSOR_STATE) {
            od_model_init_tensor(rig->model, i, 3, rig->buffers + tensor->offset);
            od_run_bind(rig->run, tensor->value, rig->buffers + tensor->offset, NULL);
        }
        if (tensor->kind != OD_TENSOR_LEARNABLE) {
            continue;
        }
        float *values = rig->parameters + tensor->offset;
        od_model_init_tensor(rig->model, i, 3, values);
        od_philox stream;
        od_philox_init(&stream, 4, OD_PURPOSE_INIT, 0, (uint64_t)i);
        for (int64_t v = 0; v < tensor->count; v++) {
            values[v] += tensor->init.kind == OD_INIT_UNIFORM ? 0 : od_philox_normal(&stream) / 8;
        }
        od_run_bind(rig->run, tensor->value, values, rig->gradients + tensor->offset);
    }
}

static void fill_batch(tiny_rig *rig) {
    od_dataset *data = tiny_dataset(TINY_TRAIN, 1);
    for (int64_t i = 0; i < TINY_BATCH * TINY_SIDE * TINY_SIDE; i++) {
        rig->images[i] = ((float)data->pixels[i] / 255 - MEAN) / STD;
    }
    memcpy(rig->labels, data->labels, TINY_BATCH * sizeof *rig->labels);
    od_dataset_free(data);
    od_run_bind(rig->run, rig->model->images, rig->images, NULL);
    od_run_bind(rig->run, rig->model->labels, rig->labels, NULL);
}

static void *device_memory(const tiny_rig *rig, int64_t count) {
    void *memory = NULL;
    assert_int_equal(rig->backend->alloc(rig->device, (size_t)count * 4, &memory, NULL), OD_OK);
    return memory;
}

tiny_rig tiny_rig_new(const od_spec *spec, bool fuse, const char *backend) {
    tiny_rig rig = {.backend = od_backend_find(backend)};
    const od_device_options options = {.threads = 1, .precision = spec->train.precision};
    assert_int_equal(rig.backend->open(&options, &rig.device, NULL), OD_OK);
    assert_int_equal(od_model_new(spec, fuse, &rig.model, NULL), OD_OK);
    const od_graph *graph = rig.model->graph;
    assert_int_equal(od_plan_new(graph, TINY_BATCH, &rig.plan, NULL), OD_OK);
    assert_int_equal(od_run_new(graph, rig.plan, rig.backend, rig.device, &rig.run, NULL), OD_OK);
    rig.parameters = device_memory(&rig, rig.model->flat_count);
    rig.gradients = device_memory(&rig, rig.model->flat_count);
    rig.buffers = device_memory(&rig, rig.model->state_count);
    rig.images = device_memory(&rig, TINY_BATCH * TINY_SIDE * TINY_SIDE);
    rig.labels = device_memory(&rig, TINY_BATCH);
    fill_parameters(&rig);
    fill_batch(&rig);
    return rig;
}

void tiny_rig_free(tiny_rig *rig) {
    rig->backend->free(rig->device, rig->labels);
    rig->backend->free(rig->device, rig->images);
    rig->backend->free(rig->device, rig->buffers);
    rig->backend->free(rig->device, rig->gradients);
    rig->backend->free(rig->device, rig->parameters);
    od_run_free(rig->run);
    od_plan_free(rig->plan);
    od_model_free(rig->model);
    rig->backend->close(rig->device);
}

double tiny_rig_loss(tiny_rig *rig, bool backward) {
    const od_run_options options = {
        .batch = TINY_BATCH, .training = true, .loss_scale = 1.0F / TINY_BATCH};
    od_run_forward(rig->run, &options);
    if (backward) {
        rig->backend->zero(rig->device, rig->gradients,
                           (size_t)rig->model->flat_count * sizeof *rig->gradients);
        od_run_backward(rig->run, &options);
    }
    const float *loss = od_run_memory(rig->run, rig->model->loss);
    double sum = 0;
    for (int i = 0; i < TINY_BATCH; i++) {
        sum += (double)loss[i];
    }
    return sum / TINY_BATCH;
}
