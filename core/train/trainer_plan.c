// SPDX-License-Identifier: Apache-2.0
// All sizes of a run before anything of it is allocated.
#include "core/train/trainer_private.h"

int64_t od_trainer_micro_batch(const od_spec *spec) {
    return spec->train.batch_size / spec->train.grad_accumulate_steps;
}

static od_status check(const od_train_spec *train, od_error *error) {
    if (train->epochs < 1 || train->batch_size < 1 || train->grad_accumulate_steps < 1) {
        return od_error_set(error, OD_E_INVALID,
                            "epochs, batch_size and grad_accumulate_steps are %lld, %lld and "
                            "%lld; give 1 or more each",
                            (long long)train->epochs, (long long)train->batch_size,
                            (long long)train->grad_accumulate_steps);
    }
    if (train->batch_size % train->grad_accumulate_steps != 0) {
        return od_error_set(error, OD_E_INVALID,
                            "grad_accumulate_steps is %lld and does not divide the batch_size of "
                            "%lld",
                            (long long)train->grad_accumulate_steps, (long long)train->batch_size);
    }
    return OD_OK;
}

static od_status count_steps(const od_spec *spec, int64_t train_count, od_trainer_plan *plan,
                             od_error *error) {
    const od_train_spec *train = &spec->train;
    const int64_t batches = train_count / od_trainer_micro_batch(spec);
    if (batches == 0) {
        return od_error_set(error, OD_E_INVALID,
                            "the training split has %lld samples, fewer than one batch of %lld; "
                            "give a smaller batch_size or a larger limit_train",
                            (long long)train_count, (long long)od_trainer_micro_batch(spec));
    }
    const int64_t group = train->grad_accumulate_steps;
    plan->steps_per_epoch = (batches + group - 1) / group;
    plan->steps = train->epochs * plan->steps_per_epoch;
    if (train->max_steps > 0 && train->max_steps < plan->steps) {
        plan->steps = train->max_steps;
    }
    return OD_OK;
}

// Images, labels and targets on the device, targets, loss and rank on the host, and what the
// loaders keep.
static int64_t batch_bytes(const od_spec *spec, const od_model *model, int64_t batch) {
    const od_value *values = model->graph->values;
    const int64_t floats = od_value_bytes(&values[model->images], 1) / (int64_t)sizeof(float);
    const int64_t targets =
        model->targets >= 0 ? 2 * od_value_bytes(&values[model->targets], batch) : 0;
    return targets + od_value_bytes(&values[model->images], batch) +
           od_value_bytes(&values[model->labels], batch) +
           od_value_bytes(&values[model->loss], batch) +
           od_value_bytes(&values[model->rank], batch) +
           od_loader_bytes(batch, floats, od_loader_threads(spec, OD_SPLIT_TRAIN)) +
           od_loader_bytes(batch, floats, od_loader_threads(spec, OD_SPLIT_EVAL));
}

static void count_bytes(const od_spec *spec, const od_model *model, const od_plan *memory,
                        od_trainer_plan *plan) {
    const int64_t flat = model->flat_count * (int64_t)sizeof(float);
    plan->parameters = od_model_parameters(model);
    plan->flops_per_sample = od_graph_flops(model->graph);
    plan->parameter_bytes = flat + model->state_count * (int64_t)sizeof(float);
    plan->gradient_bytes = flat + OD_TRAINER_NORM_BYTES;
    plan->optimizer_bytes = flat * od_optimizer_of(spec->train.optimizer.type)->state_count;
    plan->activation_bytes = memory->arena_bytes + memory->stats_bytes;
    plan->batch_bytes = batch_bytes(spec, model, memory->batch);
    plan->total_bytes = plan->parameter_bytes + plan->gradient_bytes + plan->optimizer_bytes +
                        plan->activation_bytes + plan->batch_bytes;
}

od_status od_trainer_plan_make(const od_spec *spec, int64_t train_count, od_trainer_plan *out,
                               od_model **model, od_plan **memory, od_error *error) {
    od_trainer_plan plan = {0};
    OD_TRY(check(&spec->train, error));
    OD_TRY(count_steps(spec, train_count, &plan, error));
    OD_TRY(od_model_new(spec, true, model, error));
    od_status status = od_plan_new((*model)->graph, od_trainer_micro_batch(spec), memory, error);
    if (status != OD_OK) {
        od_model_free(*model);
        return status;
    }
    count_bytes(spec, *model, *memory, &plan);
    *out = plan;
    return OD_OK;
}

od_status od_trainer_plan_of(const od_spec *spec, int64_t train_count, od_trainer_plan *out,
                             od_error *error) {
    od_model *model;
    od_plan *memory;
    OD_TRY(od_trainer_plan_make(spec, train_count, out, &model, &memory, error));
    od_plan_free(memory);
    od_model_free(model);
    return OD_OK;
}
