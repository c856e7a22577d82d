// SPDX-License-Identifier: Apache-2.0
// Step s (from 0) is group s % steps_per_epoch of epoch s / steps_per_epoch: the position in the
// data follows from the step alone, so a resumed run needs no more than that number.
//
// A step: zero the gradients; for each micro-batch of the group forward and backward, which add
// to the gradients, scaled so that the sum is the gradient of the mean loss of the whole group;
// look at the loss; clip; update. The last group of an epoch may be short.
#include "core/train/trainer.h"

#include "core/data/mixup.h"
#include "core/graph/trace.h"
#include "core/rng/philox.h"
#include "core/train/schedule.h"
#include "core/train/statistics.h"
#include "core/train/trainer_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double CLIP_EPS = 1e-6; // torch.nn.utils.clip_grad_norm_

// --- making and freeing --------------------------------------------------------------------

static od_status check_data(const od_spec *spec, const od_dataset *data, const char *split,
                            od_error *error) {
    const od_model_spec *model = &spec->model;
    if (data->height != model->image_size || data->width != model->image_size ||
        data->channels != model->channels || data->classes != model->classes) {
        return od_error_set(error, OD_E_INVALID,
                            "the %s split has %lld x %lld images of %lld channels in %lld classes; "
                            "the model takes %lld x %lld, %lld and %lld",
                            split, (long long)data->height, (long long)data->width,
                            (long long)data->channels, (long long)data->classes,
                            (long long)model->image_size, (long long)model->image_size,
                            (long long)model->channels, (long long)model->classes);
    }
    return OD_OK;
}

static od_status alloc_floats(od_trainer *t, int64_t count, float **out, od_error *error) {
    void *memory = NULL;
    OD_TRY(t->backend->alloc(t->device, (size_t)count * sizeof(float), &memory, error));
    *out = memory;
    return OD_OK;
}

static od_status alloc_parameters(od_trainer *t, od_error *error) {
    const int64_t count = t->model->flat_count;
    void *norm = NULL;
    OD_TRY(alloc_floats(t, count, &t->parameters, error));
    OD_TRY(alloc_floats(t, count, &t->gradients, error));
    for (int i = 0; i < t->optimizer->state_count; i++) {
        OD_TRY(alloc_floats(t, count, &t->states[i], error));
    }
    OD_TRY(t->backend->alloc(t->device, OD_TRAINER_NORM_BYTES, &norm, error));
    t->norm = norm;
    OD_TRY(alloc_floats(t, t->model->state_count, &t->buffers, error));
    t->counters = calloc((size_t)t->model->tensor_count + 1, sizeof *t->counters);
    if (t->counters == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %d counters",
                            t->model->tensor_count);
    }
    return OD_OK;
}

static od_status alloc_batch(od_trainer *t, od_error *error) {
    const od_value *values = t->model->graph->values;
    const int64_t n = t->micro_batch;
    const size_t images = (size_t)od_value_bytes(&values[t->model->images], n);
    const size_t labels = (size_t)od_value_bytes(&values[t->model->labels], n);
    const size_t stats = (size_t)t->memory->stats_bytes;
    od_trainer_batch *batch = &t->batch;
    OD_TRY(t->backend->alloc(t->device, images, &batch->images, error));
    OD_TRY(t->backend->alloc(t->device, labels, &batch->labels, error));
    batch->host_rank = malloc((size_t)n * sizeof *batch->host_rank);
    batch->host_loss = malloc((size_t)n * sizeof *batch->host_loss);
    t->host_stats = malloc(stats + 1);
    const size_t connections = (size_t)t->model->graph->connection_count;
    t->stats = calloc(connections + 1, sizeof *t->stats);
    t->linear = calloc(connections + 1, sizeof *t->linear);
    if (batch->host_rank == NULL || batch->host_loss == NULL || t->host_stats == NULL ||
        t->stats == NULL || t->linear == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a batch of %lld images",
                            (long long)n);
    }
    return OD_OK;
}

static od_status alloc_targets(od_trainer *t, od_error *error) {
    if (t->model->targets < 0) {
        return OD_OK;
    }
    const od_value *value = &t->model->graph->values[t->model->targets];
    const size_t bytes = (size_t)od_value_bytes(value, t->micro_batch);
    OD_TRY(t->backend->alloc(t->device, bytes, &t->batch.targets, error));
    t->batch.host_targets = malloc(bytes);
    if (t->batch.host_targets == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the targets of %lld images",
                            (long long)t->micro_batch);
    }
    return OD_OK;
}

static void name_stats(od_trainer *t) {
    const od_graph *graph = t->model->graph;
    for (int n = 0; n < graph->node_count; n++) {
        const od_node *node = &graph->nodes[n];
        if (node->connection >= 0) {
            od_connection_stats *stats = &t->stats[node->connection];
            snprintf(stats->tag, sizeof stats->tag, "%s", node->tag);
            stats->block = node->block;
        }
    }
}

static void bind(od_trainer *t) {
    for (int i = 0; i < t->model->tensor_count; i++) {
        const od_model_tensor *tensor = &t->model->tensors[i];
        if (tensor->kind == OD_TENSOR_LEARNABLE) {
            od_run_bind(t->run, tensor->value, t->parameters + tensor->offset,
                        t->gradients + tensor->offset);
        } else if (tensor->kind == OD_TENSOR_STATE) {
            od_run_bind(t->run, tensor->value, t->buffers + tensor->offset, NULL);
        }
    }
    od_run_bind(t->run, t->model->images, t->batch.images, NULL);
    od_run_bind(t->run, t->model->labels, t->batch.labels, NULL);
    if (t->model->targets >= 0) {
        od_run_bind(t->run, t->model->targets, t->batch.targets, NULL);
    }
}

// Parameters from the seed, states as they begin.
static od_status draw_parameters(od_trainer *t, od_error *error) {
    const int64_t count = t->model->flat_count, states = t->model->state_count;
    float *values = calloc((size_t)(count + states), sizeof *values);
    if (values == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld parameters",
                            (long long)count);
    }
    for (int i = 0; i < t->model->tensor_count; i++) {
        const od_model_tensor *tensor = &t->model->tensors[i];
        if (tensor->value >= 0) {
            float *group = values + (tensor->kind == OD_TENSOR_LEARNABLE ? 0 : count);
            od_model_init_tensor(t->model, i, t->spec.train.seed, group + tensor->offset);
        }
    }
    t->backend->upload(t->device, t->parameters, values, (size_t)count * sizeof *values);
    t->backend->upload(t->device, t->buffers, values + count, (size_t)states * sizeof *values);
    od_status status = t->backend->sync(t->device, error);
    free(values);
    return status;
}

static od_status open_data(od_trainer *t, const od_dataset *train, const od_dataset *eval,
                           od_error *error) {
    const od_spec *spec = &t->spec;
    OD_TRY(check_data(spec, eval, "evaluation", error));
    OD_TRY(od_transform_new(spec, OD_SPLIT_EVAL, &t->eval_transform, error));
    od_loader_options options = {
        .batch_size = t->micro_batch,
        .skip_undecodable = spec->data.skip_undecodable,
        .seed = spec->train.seed,
        .threads = od_loader_threads(spec, OD_SPLIT_EVAL),
    };
    OD_TRY(od_loader_new(eval, t->eval_transform, &options, &t->eval, error));
    if (train == NULL) {
        t->plan.steps = 0;
        return OD_OK;
    }
    OD_TRY(check_data(spec, train, "training", error));
    OD_TRY(od_transform_new(spec, OD_SPLIT_TRAIN, &t->train_transform, error));
    options.shuffle = spec->data.shuffle;
    options.drop_last = true;
    options.threads = od_loader_threads(spec, OD_SPLIT_TRAIN);
    OD_TRY(od_loader_new(train, t->train_transform, &options, &t->train, error));
    t->batches_per_epoch = od_loader_batches(t->train);
    return OD_OK;
}

static od_status open_device(od_trainer *t, const od_device_options *options, od_error *error) {
    od_device_options mine = options != NULL ? *options : (od_device_options){.threads = 1};
    mine.precision = t->spec.train.precision;
    return t->backend->open(&mine, &t->device, error);
}

static od_status set_up(od_trainer *t, const od_device_options *options, const od_dataset *train,
                        const od_dataset *eval, od_error *error) {
    const int64_t one_step = t->spec.train.batch_size; // for a plan that nobody follows
    OD_TRY(od_trainer_plan_make(&t->spec, train != NULL ? train->count : one_step, &t->plan,
                                &t->model, &t->memory, error));
    t->micro_batch = od_trainer_micro_batch(&t->spec);
    t->optimizer = od_optimizer_of(t->spec.train.optimizer.type);
    OD_TRY(open_data(t, train, eval, error));
    OD_TRY(open_device(t, options, error));
    OD_TRY(alloc_parameters(t, error));
    OD_TRY(alloc_batch(t, error));
    OD_TRY(alloc_targets(t, error));
    OD_TRY(od_run_new(t->model->graph, t->memory, t->backend, t->device, &t->run, error));
    name_stats(t);
    bind(t);
    return draw_parameters(t, error);
}

od_status od_trainer_new(const od_spec *spec, const od_backend *backend,
                         const od_device_options *options, const od_dataset *train,
                         const od_dataset *eval, od_trainer **out, od_error *error) {
    od_trainer *trainer = calloc(1, sizeof *trainer);
    if (trainer == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a trainer");
    }
    trainer->spec = *spec;
    trainer->backend = backend;
    od_status status = set_up(trainer, options, train, eval, error);
    if (status != OD_OK) {
        od_trainer_free(trainer);
        return status;
    }
    *out = trainer;
    return OD_OK;
}

static void free_device_memory(od_trainer *t) {
    void *const memory[] = {t->parameters,   t->gradients, t->states[0],
                            t->states[1],    t->norm,      t->batch.images,
                            t->batch.labels, t->buffers,   t->batch.targets};
    od_run_free(t->run);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        t->backend->free(t->device, memory[i]);
    }
    t->backend->close(t->device);
}

void od_trainer_free(od_trainer *trainer) {
    if (trainer == NULL) {
        return;
    }
    if (trainer->device != NULL) {
        free_device_memory(trainer);
    }
    free(trainer->counters);
    free(trainer->linear);
    free(trainer->stats);
    free(trainer->host_stats);
    free(trainer->batch.host_targets);
    free(trainer->batch.host_loss);
    free(trainer->batch.host_rank);
    od_loader_free(trainer->eval);
    od_loader_free(trainer->train);
    od_transform_free(trainer->eval_transform);
    od_transform_free(trainer->train_transform);
    od_plan_free(trainer->memory);
    od_model_free(trainer->model);
    free(trainer);
}

const od_trainer_plan *od_trainer_plan_borrow(const od_trainer *trainer) {
    return &trainer->plan;
}

const char *od_trainer_blas_borrow(const od_trainer *trainer) {
    return trainer->backend->describe(trainer->device);
}

int64_t od_trainer_step_count(const od_trainer *trainer) {
    return trainer->step;
}

od_loader_report od_trainer_data_report(const od_trainer *trainer) {
    return od_loader_report_of(trainer->train);
}

const od_connection_stats *od_trainer_stats_borrow(const od_trainer *trainer, int *count) {
    *count = trainer->model->graph->connection_count;
    return trainer->stats;
}

// --- one batch -----------------------------------------------------------------------------

// Mixes the batch on the host and makes its targets.
static void mix(od_trainer *t, int64_t epoch, int64_t number, const od_batch *batch) {
    od_trainer_batch *b = &t->batch;
    const od_spec *spec = &t->spec;
    const od_model_spec *model = &spec->model;
    const int64_t n = batch->count;
    const od_mixup mixup =
        od_mixup_draw(&spec->data.mixup, spec->train.seed, epoch, number, model->image_size);
    od_mixup_images(&mixup, batch->images, n, model->image_size, model->channels);
    od_mixup_targets(&mixup, b->host_targets, batch->labels, n, model->classes,
                     spec->train.label_smoothing);
    t->backend->upload(t->device, b->targets, b->host_targets,
                       (size_t)(n * model->classes) * sizeof *b->host_targets);
}

static od_status load(od_trainer *t, od_loader *loader, int64_t epoch, int64_t batch, od_batch *out,
                      od_error *error) {
    od_trainer_batch *b = &t->batch;
    const od_value *values = t->model->graph->values;
    OD_TRY(od_loader_take(loader, epoch, batch, out, error));
    if (loader == t->train && t->model->targets >= 0) {
        mix(t, epoch, batch, out);
    }
    t->backend->upload(t->device, b->images, out->images,
                       (size_t)od_value_bytes(&values[t->model->images], out->count));
    t->backend->upload(t->device, b->labels, out->labels,
                       (size_t)od_value_bytes(&values[t->model->labels], out->count));
    return OD_OK;
}

// Sums over samples.
typedef struct score {
    double loss;
    int64_t samples, top1, top5, skipped;
} score;

static od_status add_score(od_trainer *t, const od_batch *batch, score *sum, od_error *error) {
    od_trainer_batch *b = &t->batch;
    const int64_t n = batch->count;
    t->backend->download(t->device, b->host_loss, od_run_memory(t->run, t->model->loss),
                         (size_t)n * sizeof *b->host_loss);
    t->backend->download(t->device, b->host_rank, od_run_memory(t->run, t->model->rank),
                         (size_t)n * sizeof *b->host_rank);
    OD_TRY(t->backend->sync(t->device, error));
    for (int64_t i = 0; i < n; i++) {
        sum->loss += b->host_loss[i];
        sum->top1 += b->host_rank[i] < 1;
        sum->top5 += b->host_rank[i] < 5;
    }
    sum->samples += n;
    if (sum->skipped == 0 && batch->skipped > 0) {
        snprintf(t->skip_reason, sizeof t->skip_reason, "%s", batch->skip_reason);
    }
    sum->skipped += batch->skipped;
    return OD_OK;
}

// With residual.probability, which connections are linear in a step (from 0): each block of
// orthogonal ones draws once for all of its own. NULL: none, as before the first step.
static const bool *linear_connections(od_trainer *t, int64_t step) {
    const od_graph *graph = t->model->graph;
    const float probability = t->spec.residual.probability;
    if (!t->spec.residual.is_drawn || step < 0) {
        return NULL;
    }
    for (int n = 0; n < graph->node_count; n++) {
        const od_node *node = &graph->nodes[n];
        if (node->connection >= 0) {
            od_philox stream;
            od_philox_init(&stream, t->spec.train.seed, OD_PURPOSE_CONNECT, (uint32_t)node->block,
                           (uint64_t)step);
            t->linear[node->connection] = od_philox_uniform(&stream) >= probability;
        }
    }
    return t->linear;
}

static od_connection connection_of(const od_node *node, const bool *linear) {
    const od_connection own = node->attributes.connection;
    const bool is_linear = linear != NULL && linear[node->connection];
    return is_linear && own == OD_CONNECT_ORTHOGONAL ? OD_CONNECT_LINEAR : own;
}

// Adds the statistics of a run, each batch of the step having the same share.
static void add_stats(od_trainer *t, const bool *linear, double share) {
    const od_graph *graph = t->model->graph;
    t->backend->download(t->device, t->host_stats, od_run_stats(t->run),
                         (size_t)t->memory->stats_bytes);
    for (int n = 0; n < graph->node_count; n++) {
        const od_node *node = &graph->nodes[n];
        if (node->connection >= 0) {
            const float *raw = t->host_stats + node->connection * OD_PLAN_STATS_STRIDE;
            od_statistics_add(&t->stats[node->connection], node, connection_of(node, linear), raw,
                              share);
        }
    }
}

static void clear_stats(od_trainer *t) {
    for (int c = 0; c < t->model->graph->connection_count; c++) {
        od_statistics_clear(&t->stats[c]);
    }
}

// --- one step ------------------------------------------------------------------------------

// The micro-batches of a step: [first, first + count) of epoch.
typedef struct group {
    int64_t epoch, first, count;
} group;

static group group_of(const od_trainer *t) {
    const int64_t most = t->spec.train.grad_accumulate_steps;
    const int64_t first = t->step % t->plan.steps_per_epoch * most;
    const int64_t left = t->batches_per_epoch - first;
    return (group){t->step / t->plan.steps_per_epoch, first, left < most ? left : most};
}

static void count_forward(od_trainer *t) {
    for (int i = 0; i < t->model->tensor_count; i++) {
        t->counters[i] += t->model->tensors[i].kind == OD_TENSOR_COUNTER;
    }
}

// Of micro-batch i of the group.
static od_run_options options_of(od_trainer *t, const group *g, int64_t i, int64_t samples,
                                 bool want_stats) {
    return (od_run_options){
        .batch = samples,
        .training = true,
        .want_stats = want_stats,
        .loss_scale = 1.0F / (float)(samples * g->count),
        .linear = linear_connections(t, t->step),
        .seed = t->spec.train.seed,
        .draw = (uint64_t)(g->epoch * t->batches_per_epoch + g->first + i),
    };
}

// Runs micro-batches [first, end) of the group again until one shows where the first number comes
// from that is not finite. what: "the loss" or "the gradient's norm", which is `value`.
static od_status explain_non_finite(od_trainer *t, const group *g, int64_t first, int64_t end,
                                    const char *what, double value, od_error *error) {
    char found[OD_TRACE_TEXT_BYTES] = "";
    for (int64_t i = first; i < end && found[0] == '\0'; i++) {
        od_batch batch;
        OD_TRY(load(t, t->train, g->epoch, g->first + i, &batch, error));
        od_run_options options = options_of(t, g, i, batch.count, false);
        options.recompute = true;
        t->backend->zero(t->device, t->gradients, (size_t)t->model->flat_count * sizeof(float));
        OD_TRY(od_trace_non_finite(t->run, &options, found, error));
    }
    return od_error_set(error, OD_E_NON_FINITE,
                        "%s of step %lld is %f: %s; try a smaller lr, a longer warm-up or "
                        "grad_clip, unless the input or the weights this run started from are "
                        "damaged",
                        what, (long long)t->step + 1, value,
                        found[0] != '\0' ? found : "a sum of finite values overflows");
}

static od_status accumulate_gradients(od_trainer *t, const group *g, bool want_stats, score *sum,
                                      od_error *error) {
    t->backend->zero(t->device, t->gradients, (size_t)t->model->flat_count * sizeof(float));
    for (int64_t i = 0; i < g->count; i++) {
        od_batch batch;
        OD_TRY(load(t, t->train, g->epoch, g->first + i, &batch, error));
        const od_run_options options = options_of(t, g, i, batch.count, want_stats);
        od_run_forward(t->run, &options);
        count_forward(t);
        if (want_stats) {
            add_stats(t, options.linear, 1.0 / (double)g->count);
        }
        od_run_backward(t->run, &options);
        OD_TRY(add_score(t, &batch, sum, error));
        if (!isfinite(sum->loss)) {
            return explain_non_finite(t, g, i, i + 1, "the loss", sum->loss, error);
        }
    }
    return OD_OK;
}

// *norm: the gradients' after clipping; NaN when nobody needs it.
static od_status clip(od_trainer *t, const group *g, bool want_norm, double *norm,
                      od_error *error) {
    const double most = t->spec.train.grad_clip;
    *norm = NAN;
    if (!want_norm && most <= 0) {
        return OD_OK;
    }
    double squares = 0;
    t->backend->sum_of_squares(t->device, t->norm, t->gradients, t->model->flat_count);
    t->backend->download(t->device, &squares, t->norm, sizeof squares);
    OD_TRY(t->backend->sync(t->device, error));
    *norm = sqrt(squares);
    if (!isfinite(*norm)) {
        return explain_non_finite(t, g, 0, g->count, "the gradient's norm", *norm, error);
    }
    const double factor = most > 0 ? most / (*norm + CLIP_EPS) : 1;
    if (factor < 1) {
        t->backend->scale(t->device, t->gradients, (float)factor, t->model->flat_count);
        *norm *= factor;
    }
    return OD_OK;
}

// As in the reference, an epoch of the schedule is never longer than max_steps and does not count
// the step of an incomplete group.
static int64_t schedule_epoch(const od_trainer *t) {
    const od_train_spec *train = &t->spec.train;
    const int64_t groups = t->batches_per_epoch / train->grad_accumulate_steps;
    const int64_t whole = groups > 0 ? groups : 1;
    return train->max_steps > 0 && train->max_steps < whole ? train->max_steps : whole;
}

// Of the step that comes next.
static double learning_rate(const od_trainer *t) {
    const od_train_spec *train = &t->spec.train;
    return train->optimizer.lr * od_schedule_factor(&train->schedule, train->optimizer.lr,
                                                    train->epochs, schedule_epoch(t), t->step);
}

static od_status update(od_trainer *t, double lr, od_error *error) {
    const od_optimizer_update update = {
        .backend = t->backend,
        .device = t->device,
        .parameters = t->parameters,
        .states = {t->states[0], t->states[1]},
        .gradients = t->gradients,
        .count = t->model->flat_count,
        .step = t->step + 1,
        .lr = lr,
    };
    t->optimizer->update(&t->spec.train.optimizer, &update);
    return t->backend->sync(t->device, error);
}

od_status od_trainer_step(od_trainer *trainer, bool want_stats, bool want_grad_norm,
                          od_step_result *out, od_error *error) {
    if (trainer->step >= trainer->plan.steps) {
        return od_error_set(error, OD_E_CONFLICT, "all %lld steps of this run are done",
                            (long long)trainer->plan.steps);
    }
    const group g = group_of(trainer);
    const double lr = learning_rate(trainer);
    score sum = {0};
    double norm;
    if (want_stats) {
        clear_stats(trainer);
    }
    OD_TRY(accumulate_gradients(trainer, &g, want_stats, &sum, error));
    OD_TRY(clip(trainer, &g, want_grad_norm, &norm, error));
    OD_TRY(update(trainer, lr, error));
    trainer->step++;
    *out = (od_step_result){
        .step = trainer->step,
        .epoch = g.epoch,
        .epoch_ended = trainer->step % trainer->plan.steps_per_epoch == 0,
        .samples = sum.samples,
        .skipped = sum.skipped,
        .skip_reason = sum.skipped > 0 ? trainer->skip_reason : NULL,
        .loss = sum.loss / (double)sum.samples,
        .accuracy =
            trainer->model->targets < 0 ? (double)sum.top1 / (double)sum.samples : (double)NAN,
        .lr = lr,
        .grad_norm = norm,
        .has_stats = want_stats,
    };
    return OD_OK;
}

// --- evaluation ----------------------------------------------------------------------------

// Of n samples in batch number i. As in the reference, connections stay as the last step chose them.
static od_run_options eval_options(od_trainer *t, int64_t i, int64_t n) {
    return (od_run_options){
        .batch = n,
        .linear = linear_connections(t, t->step - 1),
        .seed = t->spec.train.seed,
        .draw = (uint64_t)(t->step * od_loader_batches(t->eval) + i),
    };
}

void od_trainer_set_step(od_trainer *trainer, int64_t step) {
    trainer->step = step;
}

od_status od_trainer_evaluate(od_trainer *trainer, od_eval_result *out, od_error *error) {
    const int64_t batches = od_loader_batches(trainer->eval);
    score sum = {0};
    for (int64_t i = 0; i < batches; i++) {
        od_batch batch;
        OD_TRY(load(trainer, trainer->eval, 0, i, &batch, error));
        const od_run_options options = eval_options(trainer, i, batch.count);
        od_run_forward(trainer->run, &options);
        OD_TRY(add_score(trainer, &batch, &sum, error));
    }
    if (sum.samples == 0) {
        return od_error_set(error, OD_E_INVALID, "the evaluation split is empty");
    }
    const double samples = (double)sum.samples;
    *out = (od_eval_result){
        .loss = sum.loss / samples,
        .acc1 = (double)sum.top1 / samples,
        .acc5 = (double)sum.top5 / samples,
        .samples = sum.samples,
        .skipped = sum.skipped,
        .skip_reason = sum.skipped > 0 ? trainer->skip_reason : NULL,
    };
    return OD_OK;
}

// --- features ------------------------------------------------------------------------------

int64_t od_trainer_batch_size(const od_trainer *trainer) {
    return trainer->micro_batch;
}

int64_t od_trainer_eval_batches(const od_trainer *trainer) {
    return od_loader_batches(trainer->eval);
}

int64_t od_trainer_feature_width(const od_trainer *trainer) {
    const od_model *model = trainer->model;
    return od_shape_count(&model->graph->values[model->features].shape);
}

od_status od_trainer_features(od_trainer *trainer, int64_t batch, float *features, int32_t *labels,
                              int64_t *count, od_error *error) {
    const od_model *model = trainer->model;
    od_batch loaded;
    OD_TRY(load(trainer, trainer->eval, 0, batch, &loaded, error));
    const od_run_options options = eval_options(trainer, batch, loaded.count);
    od_run_forward(trainer->run, &options);
    trainer->backend->download(
        trainer->device, features, od_run_memory(trainer->run, model->features),
        (size_t)od_value_bytes(&model->graph->values[model->features], loaded.count));
    memcpy(labels, loaded.labels, (size_t)loaded.count * sizeof *labels);
    *count = loaded.count;
    return trainer->backend->sync(trainer->device, error);
}
