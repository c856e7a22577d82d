// SPDX-License-Identifier: Apache-2.0
// What takes more than one option, and where the reference does not do what its options say: one
// function a rule.
#include "base/json.h"
#include "base/recipe_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static int index_of(const char *key) {
    int index = od_recipe_find(key);
    assert(index >= 0);
    return index;
}

static const od_recipe_setting *setting_of(const od_translation *to, const char *key) {
    return &to->recipe->settings[index_of(key)];
}

// false: the option's text is no number.
static bool number_of(const od_translation *to, const char *key, double *out) {
    const od_recipe_setting *setting = setting_of(to, key);
    return setting->text != NULL &&
           od_recipe_read_number(setting->text, setting->text + strlen(setting->text), out);
}

static bool flag_of(const od_translation *to, const char *key) {
    const od_recipe_setting *setting = setting_of(to, key);
    cJSON *value = setting->text != NULL ? od_recipe_flag(setting) : NULL;
    bool flag = cJSON_IsTrue(value);
    cJSON_Delete(value);
    return flag;
}

static const char *text_of(const od_translation *to, const char *path) {
    const char *text = cJSON_GetStringValue(od_json_at(to->spec, path));
    return text != NULL ? text : "";
}

static bool is_null(const od_translation *to, const char *path) {
    return cJSON_IsNull(od_json_at(to->spec, path));
}

static od_status put(const od_translation *to, const char *path, cJSON *value_take) {
    return value_take != NULL ? od_json_set(to->spec, path, value_take) : OD_E_NO_MEMORY;
}

static void leave_out(const od_translation *to, const char *parent, const char *key) {
    cJSON_DeleteItemFromObjectCaseSensitive(od_json_at(to->spec, parent), key);
}

static od_status warn(const od_translation *to, const char *key, const char *detail) {
    return od_recipe_add_fault(to->recipe, index_of(key), &to->recipe->warnings, detail);
}

static od_status refuse(const od_translation *to, const char *key, const char *detail) {
    return od_recipe_add_fault(to->recipe, index_of(key), to->faults, detail);
}

// A recipe for a resnet is often given its network on the command line only; without that it is
// one for a vit.
static od_status rule_model(const od_translation *to) {
    if (strncmp(text_of(to, "model.arch"), "resnet", 6) == 0) {
        leave_out(to, "model", "preset");
    }
    if (setting_of(to, "model")->line == OD_RECIPE_LEFT_OUT) {
        return warn(to, "model", "stands for \"vit\"");
    }
    return OD_OK;
}

// A list of blocks or a probability makes blocks orthogonal whatever orthogonal_residual says, and
// a probability leaves the list aside, as in the reference.
static od_status rule_connection(const od_translation *to) {
    bool listed = !is_null(to, "residual.blocks");
    bool drawn = !is_null(to, "residual.probability");
    bool orthogonal = flag_of(to, "orthogonal_residual") || listed || drawn;
    if (listed && drawn) {
        OD_TRY(put(to, "residual.blocks", cJSON_CreateNull()));
        OD_TRY(warn(to, "orthogonal_pattern", "has no effect where orthogonal_prob is given"));
    }
    return put(to, "residual.connection", cJSON_CreateString(orthogonal ? "orthogonal" : "linear"));
}

static od_status rule_augmentation(const od_translation *to) {
    const cJSON *operations = od_json_at(to->spec, "data.randaugment.n");
    if (!flag_of(to, "use_mixup")) {
        OD_TRY(put(to, "data.mixup", cJSON_CreateNull()));
    }
    if (cJSON_IsNumber(operations) && operations->valuedouble == 0) {
        OD_TRY(put(to, "data.randaugment", cJSON_CreateNull()));
    }
    return OD_OK;
}

static od_status rule_precision(const od_translation *to) {
    return flag_of(to, "use_amp") ? OD_OK : put(to, "train.precision", cJSON_CreateString("fp32"));
}

// What belongs to the schedule step has no effect with another one.
static od_status rule_schedule(const od_translation *to) {
    bool step = strcmp(text_of(to, "train.schedule.type"), "step") == 0;
    if (!step) {
        leave_out(to, "train.schedule", "decay_epochs");
        leave_out(to, "train.schedule", "decay_ratio");
    } else if (is_null(to, "train.schedule.decay_epochs")) {
        leave_out(to, "train.schedule", "decay_epochs");
        OD_TRY(refuse(to, "lr_scheduler_decay_epoch",
                      "is empty; lr_scheduler_type step needs epochs, as 80,120"));
    }
    if (!step && strcmp(text_of(to, "train.schedule.warmup_type"), "const") == 0) {
        OD_TRY(put(to, "train.schedule.warmup_type", cJSON_CreateString("linear")));
        OD_TRY(warn(to, "warmup_type", "const has an effect with lr_scheduler_type step only"));
    }
    return OD_OK;
}

static od_status rule_warmup_const(const od_translation *to) {
    double factor = 0;
    if (!number_of(to, "warmup_const", &factor) || factor == 0.1) {
        return OD_OK;
    }
    return refuse(to, "warmup_const", "is another factor than 0.1, the only one there is");
}

// "vit-s-cifar10", "resnet18-cifar10"
static od_status rule_name(const od_translation *to) {
    const char *arch = text_of(to, "model.arch");
    const char *preset = text_of(to, "model.preset");
    const char *dataset = text_of(to, "data.dataset");
    char name[128];
    int size =
        snprintf(name, sizeof name, "%s%s%s-%s", arch, *preset != '\0' ? "-" : "", preset, dataset);
    if (size >= (int)sizeof name) {
        return OD_OK; // one of them is a fault anyway
    }
    for (char *c = name; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return put(to, "name", cJSON_CreateString(name));
}

static od_status (*const rules[])(const od_translation *) = {
    rule_model,    rule_connection,   rule_augmentation, rule_precision,
    rule_schedule, rule_warmup_const, rule_name,
};

od_status od_recipe_apply_rules(const od_translation *to) {
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        OD_TRY(rules[i](to));
    }
    return OD_OK;
}
