// SPDX-License-Identifier: Apache-2.0
#include "core/train/optimizer.h"

static const double ADAM_EPS = 1e-8; // PyTorch's default

static void update_adam(const od_optimizer_spec *spec, const od_optimizer_update *u) {
    const od_adam_options options = {
        .lr = u->lr,
        .beta1 = spec->beta1,
        .beta2 = spec->beta2,
        .eps = ADAM_EPS,
        .weight_decay = spec->weight_decay,
        .decoupled = spec->type == OD_OPTIMIZER_ADAMW,
        .step = u->step,
    };
    u->backend->adam(u->device, u->parameters, u->states[0], u->states[1], u->gradients, u->count,
                     &options);
}

static void update_sgd(const od_optimizer_spec *spec, const od_optimizer_update *u) {
    const od_sgd_options options = {
        .lr = u->lr,
        .momentum = spec->momentum,
        .weight_decay = spec->weight_decay,
        .first = u->step == 1,
    };
    u->backend->sgd(u->device, u->parameters, u->states[0], u->gradients, u->count, &options);
}

static const od_optimizer optimizers[] = {
    [OD_OPTIMIZER_ADAM] = {{"adam.m", "adam.v"}, 2, update_adam},
    [OD_OPTIMIZER_ADAMW] = {{"adam.m", "adam.v"}, 2, update_adam},
    [OD_OPTIMIZER_SGD] = {{"sgd.v"}, 1, update_sgd},
};

const od_optimizer *od_optimizer_of(od_optimizer_type type) {
    return &optimizers[type];
}
