// SPDX-License-Identifier: Apache-2.0
// Where each option of the reference goes, and its default.
#include "base/recipe_private.h"

#include <string.h>

static const od_recipe_word checkpointing_words[] = {
    {"none", "false"}, {"torch", "true"}, {"unsloth", "true"}, {NULL, NULL}};
static const od_recipe_word pattern_words[] = {{"default", "\"default\""},
                                               {"none", "\"default\""},
                                               {"rezero", "\"rezero\""},
                                               {"rezero_constrained", "\"rezero_constrained\""},
                                               {"rescale_stream", "\"rescale_stream\""},
                                               {NULL, NULL}};
static const od_recipe_word precision_words[] = {
    {"bfloat16", "\"bf16\""}, {"float16", "\"fp16\""}, {NULL, NULL}};

const od_recipe_option od_recipe_options[] = {
    {"model", "model.arch", "vit", OD_OPTION_TEXT, false, NULL},
    {"preset", "model.preset", "B", OD_OPTION_TEXT, false, NULL},
    {"drop_path", "model.drop_path", "0.0", OD_OPTION_NUMBER, false, NULL},
    {"mlp_dropout", "model.mlp_dropout", "0.0", OD_OPTION_NUMBER, false, NULL},
    {"is_layernorm_classifier", "model.layernorm_head", "false", OD_OPTION_FLAG, false, NULL},
    {"orthogonal_residual", "residual.connection", "false", OD_OPTION_SWITCH, false, NULL},
    {"orthogonal_method", "residual.method", "feature", OD_OPTION_TEXT, false, NULL},
    {"residual_pattern", "residual.pattern", "default", OD_OPTION_WORDS, false, pattern_words},
    {"residual_rescale_mode", "residual.rescale_mode", "scalar", OD_OPTION_TEXT, false, NULL},
    {"orthogonal_eps", "residual.eps", "1e-6", OD_OPTION_NUMBER, false, NULL},
    {"orthogonal_pattern", "residual.blocks", "", OD_OPTION_LIST, true, NULL},
    {"orthogonal_prob", "residual.probability", "", OD_OPTION_NUMBER, true, NULL},
    {"orthogonal_perturbation", "residual.perturbation", "", OD_OPTION_NUMBER, true, NULL},
    {"dataset", "data.dataset", "mnist", OD_OPTION_TEXT, false, NULL},
    {"mixup_alpha", "data.mixup.alpha", "0.2", OD_OPTION_NUMBER, false, NULL},
    {"cutmix_alpha", "data.mixup.cutmix_alpha", "1.0", OD_OPTION_NUMBER, false, NULL},
    {"mixup_prob", "data.mixup.prob", "0.5", OD_OPTION_NUMBER, false, NULL},
    {"cutmix_switch_prob", "data.mixup.switch_prob", "0.5", OD_OPTION_NUMBER, false, NULL},
    {"use_mixup", "data.mixup", "false", OD_OPTION_SWITCH, false, NULL},
    {"randaugment_N", "data.randaugment.n", "3", OD_OPTION_NUMBER, false, NULL},
    {"randaugment_M", "data.randaugment.m", "7", OD_OPTION_NUMBER, false, NULL},
    {"random_erase", "data.random_erase", "0.0", OD_OPTION_NUMBER, false, NULL},
    {"epochs", "train.epochs", "30", OD_OPTION_NUMBER, false, NULL},
    {"max_train_steps", "train.max_steps", "600000", OD_OPTION_NUMBER, true, NULL},
    {"global_batch_size", "train.batch_size", "128", OD_OPTION_NUMBER, false, NULL},
    {"grad_accumulate_steps", "train.grad_accumulate_steps", "1", OD_OPTION_NUMBER, false, NULL},
    {"use_amp", "train.precision", "false", OD_OPTION_SWITCH, false, NULL},
    {"amp_dtype", "train.precision", "bfloat16", OD_OPTION_WORDS, false, precision_words},
    {"seed", "train.seed", "42", OD_OPTION_NUMBER, false, NULL},
    {"optimizer", "train.optimizer.type", "adam", OD_OPTION_TEXT, false, NULL},
    {"lr", "train.optimizer.lr", "1e-4", OD_OPTION_NUMBER, false, NULL},
    {"weight_decay", "train.optimizer.weight_decay", "0.001", OD_OPTION_NUMBER, false, NULL},
    {"adam_beta1", "train.optimizer.beta1", "0.9", OD_OPTION_NUMBER, false, NULL},
    {"adam_beta2", "train.optimizer.beta2", "0.999", OD_OPTION_NUMBER, false, NULL},
    {"momentum", "train.optimizer.momentum", "0.9", OD_OPTION_NUMBER, false, NULL},
    {"lr_scheduler_type", "train.schedule.type", "cos", OD_OPTION_TEXT, false, NULL},
    {"warmup_epoch", "train.schedule.warmup_epochs", "5", OD_OPTION_NUMBER, false, NULL},
    {"warmup_type", "train.schedule.warmup_type", "linear", OD_OPTION_TEXT, false, NULL},
    {"warmup_const", NULL, "0.1", OD_OPTION_NUMBER, false, NULL},
    {"min_lr", "train.schedule.min_lr", "", OD_OPTION_NUMBER, true, NULL},
    {"lr_scheduler_decay_epoch", "train.schedule.decay_epochs", "", OD_OPTION_LIST, true, NULL},
    {"lr_scheduler_decay_ratio", "train.schedule.decay_ratio", "0.1", OD_OPTION_NUMBER, false,
     NULL},
    {"grad_clip", "train.grad_clip", "", OD_OPTION_NUMBER, true, NULL},
    {"label_smoothing", "train.label_smoothing", "0.1", OD_OPTION_NUMBER, false, NULL},
    {"gradient_checkpointing", "train.gradient_checkpointing", "none", OD_OPTION_WORDS, false,
     checkpointing_words},
    {"log_interval", "log.interval", "50", OD_OPTION_NUMBER, false, NULL},
    {"log_activations", "log.residual_stats", "false", OD_OPTION_FLAG, false, NULL},
    {"save_every_steps", "checkpoint.every_steps", "5000", OD_OPTION_NUMBER, true, NULL},
    {"save_every_epochs", "checkpoint.every_epochs", "10", OD_OPTION_NUMBER, true, NULL},
    {"project", NULL, "", OD_OPTION_IGNORED, true, NULL},
    {"config_file", NULL, "", OD_OPTION_IGNORED, true, NULL},
    {"results_dir", NULL, "", OD_OPTION_IGNORED, true, NULL},
    {"torch_compile", NULL, "", OD_OPTION_IGNORED, true, NULL},
    {"torch_compile_mode", NULL, "", OD_OPTION_IGNORED, true, NULL},
    {"torch_compile_backend", NULL, "", OD_OPTION_IGNORED, true, NULL},
    {"debug", NULL, "", OD_OPTION_IGNORED, true, NULL},
};

int od_recipe_find(const char *key) {
    for (int i = 0; i < OD_RECIPE_OPTIONS; i++) {
        if (strcmp(od_recipe_options[i].key, key) == 0) {
            return i;
        }
    }
    return -1;
}
