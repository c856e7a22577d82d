// SPDX-License-Identifier: Apache-2.0
// One training run in memory: model, optimizer state and position. Knows nothing of run
// directories, processes or wall time; the worker drives it step by step.
#ifndef OD_CORE_TRAIN_TRAINER_H
#define OD_CORE_TRAIN_TRAINER_H

#include "core/data/dataset.h"
#include "core/data/loader.h"
#include "core/io/safetensors.h"
#include "core/spec.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct od_trainer od_trainer;

typedef struct od_trainer_plan {
    int64_t parameters;      // learnable values
    int64_t steps_per_epoch; // optimizer steps
    int64_t steps;           // of the whole run
    double flops_per_sample; // forward and backward of one training sample
    // Exact bytes: parameters (running statistics of batch norms included), gradients and optimizer
    // state; the arena of activations and their gradients; the batch; their sum.
    int64_t parameter_bytes, gradient_bytes, optimizer_bytes, activation_bytes, batch_bytes,
        total_bytes;
} od_trainer_plan;

// The plan without allocating any of it. train_count: samples in the training split after limits.
od_status od_trainer_plan_of(const od_spec *spec, int64_t train_count, od_trainer_plan *out,
                             od_error *error) OD_MUST_CHECK;

// Allocates everything the run needs and draws the start weights from the seed. Borrows the data
// sets until od_trainer_free; copies spec. After this, no step allocates. With train NULL the
// trainer can evaluate and do no step. The precision is the spec's, whatever options say.
od_status od_trainer_new(const od_spec *spec, const od_backend *backend,
                         const od_device_options *options, const od_dataset *train,
                         const od_dataset *eval, od_trainer **out, od_error *error) OD_MUST_CHECK;
void od_trainer_free(od_trainer *trainer); // NULL is fine

const od_trainer_plan *od_trainer_plan_borrow(const od_trainer *trainer);
// What computes the matrix products, for people: "onednn 2.6.3". Borrowed, as long as trainer.
const char *od_trainer_blas_borrow(const od_trainer *trainer);

typedef struct od_step_result {
    int64_t step;     // completed optimizer steps after this one; the first is 1
    int64_t epoch;    // the epoch this step belonged to, from 0
    bool epoch_ended; // this was its last step
    int64_t samples;  // in this step
    int64_t skipped;  // images that could not be decoded and were replaced
    double loss;      // mean over the step's samples
    double accuracy;  // acc@1 over the step's samples; NaN with mixup
    double lr;        // used in this step
    double grad_norm; // after clipping; NaN unless want_grad_norm or clipping asked for it
    bool has_stats;
    const char *skip_reason; // of the first one skipped, or NULL; borrowed until the next step
} od_step_result;

// One optimizer step over batch_size samples, in grad_accumulate_steps parts one after the other;
// the last step of an epoch takes the parts that are left. The learning rate is that of
// core/train/schedule.h with epochs never longer than max_steps and without the step of an incomplete
// group, as in the reference.
// want_stats gathers the connection statistics of this step's batch, want_grad_norm the gradient's
// norm. OD_E_NON_FINITE, before the update, when the loss or the norm is not finite; the
// error says which tensor of which block was the first (core/graph/trace.h). OD_E_CONFLICT after the
// last step.
od_status od_trainer_step(od_trainer *trainer, bool want_stats, bool want_grad_norm,
                          od_step_result *out, od_error *error) OD_MUST_CHECK;

// What of the epoch of the last step has been trained on, as a digest to compare runs by.
od_loader_report od_trainer_data_report(const od_trainer *trainer);

enum { OD_STATISTICS_MOST_EXTRAS = 5 };

typedef struct od_extra_statistic {
    const char *name; // "pattern/alpha"; static
    double value;
} od_extra_statistic;

typedef struct od_connection_stats {
    char tag[8]; // "attn", "mlp", "conv"
    int block;   // from 0
    double values[OD_CONNECT_STATS];
    int extra_count;
    od_extra_statistic extras[OD_STATISTICS_MOST_EXTRAS]; // of the pattern: core/train/statistics.h
} od_connection_stats;

extern const char *const od_connection_stat_names[OD_CONNECT_STATS]; // "x_norm2", ...

// Of the last step with want_stats, one row a connection in the order of the network. Borrowed
// until the next step.
const od_connection_stats *od_trainer_stats_borrow(const od_trainer *trainer, int *count);

typedef struct od_eval_result {
    double loss, acc1, acc5; // means over the evaluation split, without smoothing
    int64_t samples, skipped;
    const char *skip_reason; // as in od_step_result
} od_eval_result;

od_status od_trainer_evaluate(od_trainer *trainer, od_eval_result *out,
                              od_error *error) OD_MUST_CHECK;

// For a trainer that does no steps: evaluates as a run does behind that one. Connections that are
// drawn and noise depend on it.
void od_trainer_set_step(od_trainer *trainer, int64_t step);

// What enters the head, for batch number `batch` of the evaluation split: features
// [*count, od_trainer_feature_width], labels [*count]; room for od_trainer_batch_size samples. In a ViT
// the class token behind the last block, before the norm of the head.
int64_t od_trainer_batch_size(const od_trainer *trainer);
int64_t od_trainer_eval_batches(const od_trainer *trainer);
int64_t od_trainer_feature_width(const od_trainer *trainer);
od_status od_trainer_features(od_trainer *trainer, int64_t batch, float *features, int32_t *labels,
                              int64_t *count, od_error *error) OD_MUST_CHECK;

// --- weights of this or another program (core/model/weights.h) ------------------------------
// Adds, with that pointer, what is wrong with a file or folder to start from, as far as its header
// tells: all of it.
od_status od_trainer_check_start(const od_spec *spec, const char *path, const char *pointer,
                                 od_faults *faults) OD_MUST_CHECK;
// Puts the weights into the trainer.
od_status od_trainer_start_from(od_trainer *trainer, const char *path,
                                od_error *error) OD_MUST_CHECK;

// --- state, for checkpoints ----------------------------------------------------------------
// Copies of the model under the reference's state_dict names and PyTorch's shapes, buffers
// included, and of the optimizer's state ("adam.m.NAME", "adam.v.NAME" or "sgd.v.NAME").
// free() each tensor's data via od_trainer_tensors_fini.
typedef struct od_tensor_list {
    od_named_tensor *tensors;
    size_t count;
    void *bytes;
} od_tensor_list;

od_status od_trainer_model(const od_trainer *trainer, od_tensor_list *out,
                           od_error *error) OD_MUST_CHECK;
od_status od_trainer_optimizer(const od_trainer *trainer, od_tensor_list *out,
                               od_error *error) OD_MUST_CHECK;
void od_trainer_tensors_fini(od_tensor_list *list);

// Puts a saved state back. Names and shapes must fit exactly; the error names the first that does
// not (missing, unexpected, mis-shaped). Nothing is changed on failure.
od_status od_trainer_load_model(od_trainer *trainer, const od_named_tensor *tensors, size_t count,
                                od_error *error) OD_MUST_CHECK;
od_status od_trainer_load_optimizer(od_trainer *trainer, const od_named_tensor *tensors,
                                    size_t count, int64_t step, od_error *error) OD_MUST_CHECK;
int64_t od_trainer_step_count(const od_trainer *trainer); // completed optimizer steps

#endif
