// SPDX-License-Identifier: Apache-2.0
// A reader with a sticky failure walks the defaulted JSON, so that the functions below read like the
// schema. A key that is missing or of another type is the caller's mistake (defaults not filled),
// not a fault of the spec.
#include "core/spec.h"

#include "base/datasets.h"
#include "base/json.h"
#include "core/model/resnet.h"
#include "core/spec_check.h"

#include <stdio.h>
#include <string.h>

typedef struct spec_reader {
    const cJSON *json;
    const char *failed; // the first path that could not be read, or NULL
} spec_reader;

static const cJSON *value_at(spec_reader *reader, const char *path, bool (*fits)(const cJSON *)) {
    const cJSON *value = od_json_at(reader->json, path);
    if (value == NULL || !fits(value)) {
        reader->failed = reader->failed != NULL ? reader->failed : path;
        return NULL;
    }
    return value;
}

static bool is_number(const cJSON *value) {
    return cJSON_IsNumber(value);
}

static bool is_number_or_null(const cJSON *value) {
    return cJSON_IsNumber(value) || cJSON_IsNull(value);
}

static bool is_text_or_null(const cJSON *value) {
    return cJSON_IsString(value) || cJSON_IsNull(value);
}

static bool is_flag(const cJSON *value) {
    return cJSON_IsBool(value);
}

static bool is_list_or_null(const cJSON *value) {
    return cJSON_IsArray(value) || cJSON_IsNull(value);
}

static double number(spec_reader *reader, const char *path) {
    const cJSON *value = value_at(reader, path, is_number);
    return value != NULL ? value->valuedouble : 0;
}

static double number_or(spec_reader *reader, const char *path, double when_null) {
    const cJSON *value = value_at(reader, path, is_number_or_null);
    return value != NULL && cJSON_IsNumber(value) ? value->valuedouble : when_null;
}

static int64_t integer_or(spec_reader *reader, const char *path, int64_t when_null) {
    return (int64_t)number_or(reader, path, (double)when_null);
}

static bool flag(spec_reader *reader, const char *path) {
    return cJSON_IsTrue(value_at(reader, path, is_flag));
}

// "" for null.
static const char *text(spec_reader *reader, const char *path) {
    const cJSON *value = value_at(reader, path, is_text_or_null);
    return value != NULL && cJSON_IsString(value) ? value->valuestring : "";
}

static int name_index(spec_reader *reader, const char *path, const char *const *names, int count) {
    const char *name = text(reader, path);
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    reader->failed = reader->failed != NULL ? reader->failed : path;
    return 0;
}

// --- sections -----------------------------------------------------------------------------

static const struct {
    const char *name;
    int64_t width, depth, heads;
} presets[] = {
    {"N", 64, 6, 4},    {"Ti", 192, 6, 3},   {"S", 384, 6, 6},
    {"B", 768, 12, 12}, {"L", 1024, 24, 16}, {"H", 1280, 32, 16},
};

static void read_model(spec_reader *reader, od_model_spec *out) {
    snprintf(out->arch, sizeof out->arch, "%s", text(reader, "model.arch"));
    const char *preset = text(reader, "model.preset");
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, preset) == 0) {
            out->width = presets[i].width;
            out->depth = presets[i].depth;
            out->heads = presets[i].heads;
        }
    }
    const od_dataset_facts *facts = od_datasets_find(text(reader, "data.dataset"));
    if (facts != NULL) {
        out->image_size = facts->image_size;
        out->channels = facts->channels;
        out->classes = facts->classes;
        out->patch_size = facts->patch_size;
    }
    out->width = integer_or(reader, "model.width", out->width);
    out->depth = integer_or(reader, "model.depth", out->depth);
    out->heads = integer_or(reader, "model.heads", out->heads);
    out->patch_size = integer_or(reader, "model.patch_size", out->patch_size);
    out->drop_path = (float)number(reader, "model.drop_path");
    out->mlp_dropout = (float)number(reader, "model.mlp_dropout");
    out->layernorm_head = flag(reader, "model.layernorm_head");
    if (od_resnet_blocks(out->arch) > 0) {
        out->width = out->heads = out->patch_size = 0;
        out->depth = od_resnet_blocks(out->arch);
    }
}

static void read_blocks(spec_reader *reader, od_residual_spec *out) {
    const cJSON *blocks = value_at(reader, "residual.blocks", is_list_or_null);
    const cJSON *block;
    memset(out->orthogonal_block, cJSON_IsNull(blocks) ? 1 : 0, sizeof out->orthogonal_block);
    cJSON_ArrayForEach(block, blocks) {
        if (cJSON_IsNumber(block) && block->valuedouble >= 0 &&
            block->valuedouble < OD_SPEC_MAX_BLOCKS) {
            out->orthogonal_block[(int)block->valuedouble] = true;
        }
    }
}

static od_pattern read_pattern(spec_reader *reader) {
    static const char *const patterns[] = {
        [OD_PATTERN_DEFAULT] = "default",
        [OD_PATTERN_REZERO] = "rezero",
        [OD_PATTERN_REZERO_CONSTRAINED] = "rezero_constrained",
        [OD_PATTERN_RESCALE] = "rescale_stream",
    };
    od_pattern pattern = (od_pattern)name_index(reader, "residual.pattern", patterns, 4);
    bool convolves = strcmp(text(reader, "residual.rescale_mode"), "conv1x1") == 0;
    return pattern == OD_PATTERN_RESCALE && convolves ? OD_PATTERN_RESCALE_CONV : pattern;
}

static void read_residual(spec_reader *reader, od_residual_spec *out) {
    static const char *const connections[] = {"linear", "orthogonal"};
    bool orthogonal = name_index(reader, "residual.connection", connections, 2) == 1;
    bool negative = strcmp(text(reader, "residual.method"), "negative") == 0;
    out->connection = orthogonal ? OD_CONNECT_ORTHOGONAL
                      : negative ? OD_CONNECT_NEGATIVE
                                 : OD_CONNECT_LINEAR;
    out->global = strcmp(text(reader, "residual.method"), "global") == 0;
    out->pattern = read_pattern(reader);
    out->eps = (float)number(reader, "residual.eps");
    out->probability = (float)number_or(reader, "residual.probability", 1);
    out->is_drawn = out->probability < 1;
    out->perturbation = (float)number_or(reader, "residual.perturbation", 0);
    read_blocks(reader, out);
}

static void read_randaugment(spec_reader *reader, od_data_spec *out) {
    if (!cJSON_IsNull(od_json_at(reader->json, "data.randaugment"))) {
        out->randaugment_n = (int)number(reader, "data.randaugment.n");
        out->randaugment_m = (int)number(reader, "data.randaugment.m");
    }
}

static void read_mixup(spec_reader *reader, od_mixup_spec *out) {
    out->is_on = !cJSON_IsNull(od_json_at(reader->json, "data.mixup"));
    if (out->is_on) {
        out->alpha = number(reader, "data.mixup.alpha");
        out->cutmix_alpha = number(reader, "data.mixup.cutmix_alpha");
        out->prob = number(reader, "data.mixup.prob");
        out->switch_prob = number(reader, "data.mixup.switch_prob");
    }
}

static void read_data(spec_reader *reader, od_data_spec *out) {
    const char *dataset = text(reader, "data.dataset");
    const od_dataset_facts *facts = od_datasets_find(dataset);
    const char *root = text(reader, "data.root");
    if (*root == '\0' && facts != NULL) {
        root = facts->default_root;
    }
    if (facts != NULL) {
        memcpy(out->mean, facts->mean, sizeof out->mean);
        memcpy(out->std, facts->std, sizeof out->std);
    }
    snprintf(out->dataset, sizeof out->dataset, "%s", dataset);
    snprintf(out->root, sizeof out->root, "%s", root);
    out->shuffle = flag(reader, "data.shuffle");
    out->skip_undecodable = strcmp(text(reader, "data.on_error"), "skip") == 0;
    out->limit_train = integer_or(reader, "data.limit_train", 0);
    out->limit_eval = integer_or(reader, "data.limit_eval", 0);
    out->augment = strcmp(text(reader, "data.augment"), "auto") == 0;
    out->random_erase = number(reader, "data.random_erase");
    read_randaugment(reader, out);
    read_mixup(reader, &out->mixup);
}

static void read_optimizer(spec_reader *reader, od_optimizer_spec *out) {
    static const char *const types[] = {
        [OD_OPTIMIZER_ADAM] = "adam", [OD_OPTIMIZER_ADAMW] = "adamw", [OD_OPTIMIZER_SGD] = "sgd"};
    out->type = (od_optimizer_type)name_index(reader, "train.optimizer.type", types, 3);
    out->lr = number(reader, "train.optimizer.lr");
    out->weight_decay = number(reader, "train.optimizer.weight_decay");
    out->beta1 = number(reader, "train.optimizer.beta1");
    out->beta2 = number(reader, "train.optimizer.beta2");
    out->momentum = number(reader, "train.optimizer.momentum");
}

static void read_decay_epochs(spec_reader *reader, od_schedule_spec *out) {
    const cJSON *epochs = value_at(reader, "train.schedule.decay_epochs", is_list_or_null);
    const cJSON *epoch;
    int room = sizeof out->decay_epochs / sizeof out->decay_epochs[0];
    cJSON_ArrayForEach(epoch, epochs) {
        if (out->decay_count < room) {
            out->decay_epochs[out->decay_count++] = epoch->valuedouble;
        }
    }
}

static void read_schedule(spec_reader *reader, od_schedule_spec *out) {
    static const char *const types[] = {[OD_SCHEDULE_COS] = "cos",
                                        [OD_SCHEDULE_LIN] = "lin",
                                        [OD_SCHEDULE_CONST] = "const",
                                        [OD_SCHEDULE_STEP] = "step"};
    out->type = (od_schedule_type)name_index(reader, "train.schedule.type", types, 4);
    out->warmup_epochs = number(reader, "train.schedule.warmup_epochs");
    out->warmup_const = strcmp(text(reader, "train.schedule.warmup_type"), "const") == 0;
    out->min_lr = number_or(reader, "train.schedule.min_lr", -1);
    out->decay_ratio = number(reader, "train.schedule.decay_ratio");
    read_decay_epochs(reader, out);
}

// "fp16" is a fault that od_spec_check finds.
static od_precision read_precision(spec_reader *reader) {
    static const char *const names[] = {
        [OD_PRECISION_FP32] = "fp32", [OD_PRECISION_BF16] = "bf16", "fp16"};
    return name_index(reader, "train.precision", names, 3) == OD_PRECISION_BF16 ? OD_PRECISION_BF16
                                                                                : OD_PRECISION_FP32;
}

static void read_train(spec_reader *reader, od_train_spec *out) {
    out->epochs = (int64_t)number(reader, "train.epochs");
    out->max_steps = integer_or(reader, "train.max_steps", 0);
    out->batch_size = (int64_t)number(reader, "train.batch_size");
    out->grad_accumulate_steps = (int64_t)number(reader, "train.grad_accumulate_steps");
    out->seed = (uint64_t)number(reader, "train.seed");
    out->grad_clip = number_or(reader, "train.grad_clip", 0);
    out->label_smoothing = number(reader, "train.label_smoothing");
    out->precision = read_precision(reader);
    out->gradient_checkpointing = flag(reader, "train.gradient_checkpointing");
    read_optimizer(reader, &out->optimizer);
    read_schedule(reader, &out->schedule);
}

static void read_rest(spec_reader *reader, int default_threads, od_spec *out) {
    out->eval_every_epochs = integer_or(reader, "eval.every_epochs", 0);
    out->eval_every_steps = integer_or(reader, "eval.every_steps", 0);
    out->log_interval = (int64_t)number(reader, "log.interval");
    out->log_residual_stats = flag(reader, "log.residual_stats");
    out->checkpoint_every_steps = integer_or(reader, "checkpoint.every_steps", 0);
    out->checkpoint_every_epochs = integer_or(reader, "checkpoint.every_epochs", 0);
    out->checkpoint_keep = (int64_t)number(reader, "checkpoint.keep");
    out->threads = (int)integer_or(reader, "resources.threads", default_threads);
    snprintf(out->init_from, sizeof out->init_from, "%s", text(reader, "init_from"));
}

od_status od_spec_read(const cJSON *json, int default_threads, od_spec *out, od_faults *faults,
                       od_error *error) {
    spec_reader reader = {.json = json};
    memset(out, 0, sizeof *out);
    read_model(&reader, &out->model);
    read_residual(&reader, &out->residual);
    read_data(&reader, &out->data);
    read_train(&reader, &out->train);
    read_rest(&reader, default_threads, out);
    if (reader.failed != NULL) {
        return od_error_set(error, OD_E_INVALID,
                            "%s is missing or of another type: the spec has not passed the schema",
                            reader.failed);
    }
    if (od_spec_check(json, out, faults) != OD_OK) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory to check the spec");
    }
    return OD_OK;
}
