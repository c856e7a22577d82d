// SPDX-License-Identifier: Apache-2.0
// A job spec (schemas/job.schema.json) as the trainer reads it. Names and meanings are the
// schema's. Made from JSON that has passed the schema and carries all defaults.
#ifndef OD_CORE_SPEC_H
#define OD_CORE_SPEC_H

#include "base/schema.h"
#include "core/backend/backend.h"

#include <stdbool.h>
#include <stdint.h>

enum { OD_SPEC_MAX_BLOCKS = 256 };

typedef enum od_optimizer_type {
    OD_OPTIMIZER_ADAM,
    OD_OPTIMIZER_ADAMW,
    OD_OPTIMIZER_SGD
} od_optimizer_type;
typedef enum od_schedule_type {
    OD_SCHEDULE_COS,
    OD_SCHEDULE_LIN,
    OD_SCHEDULE_CONST,
    OD_SCHEDULE_STEP
} od_schedule_type;

typedef struct od_model_spec {
    char arch[16]; // "vit", "resnet18", ...
    // Resolved: preset, then overrides, then data set. Of a resnet only depth counts, which is the
    // number of its residual blocks.
    int64_t width, depth, heads, patch_size;
    bool layernorm_head;                   // of a resnet
    int64_t image_size, channels, classes; // of the data set
    float drop_path, mlp_dropout;          // of a vit: shares that are dropped in training
} od_model_spec;

typedef struct od_residual_spec {
    od_connection connection;                  // of the blocks below
    bool orthogonal_block[OD_SPEC_MAX_BLOCKS]; // where false and connection is orthogonal: linear
    bool global;                               // method "global": a conv net's row is a sample
    od_pattern pattern;                        // the rescale mode included
    float eps;
    bool is_drawn; // an orthogonal block is so with this probability in a step; else always
    float probability;
    float perturbation; // standard deviation of the noise added to f; 0: none
} od_residual_spec;

typedef struct od_mixup_spec {
    bool is_on;
    double alpha, cutmix_alpha; // not both 0; 0: only the other
    double prob, switch_prob;
} od_mixup_spec;

typedef struct od_data_spec {
    char dataset[32];
    char root[4096];       // folder the files are read from, resolved
    float mean[3], std[3]; // of the data set's pixels scaled to [0, 1], per channel
    bool shuffle;
    int64_t limit_train, limit_eval;  // 0: no limit
    bool augment;                     // "auto"
    int randaugment_n, randaugment_m; // operations (0: none), magnitude of 0 to 30
    od_mixup_spec mixup;
    double random_erase;   // probability
    bool skip_undecodable; // on_error "skip"
} od_data_spec;

typedef struct od_optimizer_spec {
    od_optimizer_type type;
    double lr, weight_decay, beta1, beta2, momentum;
} od_optimizer_spec;

typedef struct od_schedule_spec {
    od_schedule_type type;
    double warmup_epochs;
    bool warmup_const; // warmup_type "const": the factor is 0.1 during warm-up (type "step" only)
    double min_lr;     // < 0: none
    double decay_epochs[32];
    int decay_count;
    double decay_ratio;
} od_schedule_spec;

typedef struct od_train_spec {
    int64_t epochs, max_steps; // max_steps 0: none
    int64_t batch_size, grad_accumulate_steps;
    uint64_t seed;
    od_optimizer_spec optimizer;
    od_schedule_spec schedule;
    double grad_clip; // 0: none
    double label_smoothing;
    od_precision precision;
    bool gradient_checkpointing;
} od_train_spec;

typedef struct od_spec {
    od_model_spec model;
    od_residual_spec residual;
    od_data_spec data;
    od_train_spec train;
    int64_t eval_every_epochs, eval_every_steps; // 0: never
    int64_t log_interval;
    bool log_residual_stats;
    int64_t checkpoint_every_steps, checkpoint_every_epochs, checkpoint_keep; // 0: never
    int threads;                                                              // resolved; >= 1
    char init_from[4096]; // file or folder of the weights to start from; "": random weights
} od_spec;

// Reads a defaulted spec. What the schema cannot say (heads must divide width, an image that the
// patch does not divide, a block that does not exist, a feature this build lacks) is added to
// faults with its pointer, all at once. OD_OK with no faults added means that *out can run; with
// faults it holds what could be read. No file is looked at. What faults holds on entry is taken as
// said: whatever has to do with it is passed over.
// default_threads is used where resources.threads is null.
od_status od_spec_read(const cJSON *json, int default_threads, od_spec *out, od_faults *faults,
                       od_error *error) OD_MUST_CHECK;

#endif
