// SPDX-License-Identifier: Apache-2.0
// What this version cannot do is a table of the values that it can; what has to fit together is one
// function a rule.
#include "core/spec_check.h"

#include "base/datasets.h"
#include "base/json.h"
#include "base/prune.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_VALUE_BYTES = 48, POINTER_BYTES = 64 };

// --- what this version lacks --------------------------------------------------------------

static const struct {
    const char *path;    // dotted
    const char *allowed; // JSON: an array of the values that this version can do
    const char *remedy;
} limits[] = {
    {"resources.device", "[\"auto\", \"cpu\"]",
     "this version computes on the CPU only; give \"auto\" or \"cpu\""},
    {"resources.count", "[1]", "this version computes on one device; give 1"},
};

static void pointer_of(const char *path, char out[POINTER_BYTES]) {
    snprintf(out, POINTER_BYTES, "/%s", path);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '.' ? '/' : *c;
    }
}

static bool is_allowed(const cJSON *value, const cJSON *allowed) {
    const cJSON *one;
    cJSON_ArrayForEach(one, allowed) {
        if (cJSON_Compare(value, one, 1)) {
            return true;
        }
    }
    return false;
}

static od_status add_limit(const cJSON *value, const char *pointer, const char *remedy,
                           od_faults *faults) {
    char *shown = cJSON_PrintUnformatted(value);
    if (shown == NULL) {
        return OD_E_NO_MEMORY;
    }
    if (strlen(shown) > SHOWN_VALUE_BYTES) {
        snprintf(shown + SHOWN_VALUE_BYTES - 3, sizeof "...", "...");
    }
    od_status status = od_faults_add(faults, pointer, "is %s; %s", shown, remedy);
    free(shown);
    return status;
}

static od_status check_limits(const cJSON *json, od_faults *faults) {
    char pointer[POINTER_BYTES];
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const cJSON *value = od_json_at(json, limits[i].path);
        cJSON *allowed = cJSON_Parse(limits[i].allowed);
        if (allowed == NULL) {
            return OD_E_NO_MEMORY;
        }
        bool fits = value != NULL && is_allowed(value, allowed);
        cJSON_Delete(allowed);
        pointer_of(limits[i].path, pointer);
        if (!fits && value != NULL && !od_faults_touch(faults, pointer)) {
            OD_TRY(add_limit(value, pointer, limits[i].remedy, faults));
        }
    }
    return OD_OK;
}

// --- what has to fit together -------------------------------------------------------------

typedef struct spec_pair {
    const cJSON *json;
    const od_spec *spec;
} spec_pair;

static const char *text_at(const spec_pair *pair, const char *path) {
    const cJSON *value = od_json_at(pair->json, path);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static bool is_vit(const spec_pair *pair) {
    return strcmp(pair->spec->model.arch, "vit") == 0;
}

static od_status check_sizes(const spec_pair *pair, od_faults *faults) {
    const od_model_spec *model = &pair->spec->model;
    if (!is_vit(pair)) {
        return OD_OK;
    }
    const struct {
        const char *pointer;
        int64_t value;
    } sizes[] = {{"/model/width", model->width},
                 {"/model/depth", model->depth},
                 {"/model/heads", model->heads}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].value < 1) {
            OD_TRY(od_faults_add(faults, sizes[i].pointer,
                                 "is null, and model.preset is null too; give one of them"));
        }
    }
    if (model->depth > OD_SPEC_MAX_BLOCKS) {
        return od_faults_add(faults, "/model/depth", "is %lld; the maximum is %d",
                             (long long)model->depth, OD_SPEC_MAX_BLOCKS);
    }
    return OD_OK;
}

static od_status check_precision(const spec_pair *pair, od_faults *faults) {
    if (strcmp(text_at(pair, "train.precision"), "fp16") != 0) {
        return OD_OK;
    }
    return od_faults_add(faults, "/train/precision",
                         "is \"fp16\", which needs a GPU; give \"bf16\" or \"fp32\"");
}

static od_status check_heads(const spec_pair *pair, od_faults *faults) {
    const od_model_spec *model = &pair->spec->model;
    if (model->width < 1 || model->heads < 1 || model->width % model->heads == 0) {
        return OD_OK;
    }
    return od_faults_add(faults, "/model/heads",
                         "is %lld and does not divide the width of %lld; give a divisor",
                         (long long)model->heads, (long long)model->width);
}

// "1, 2, 4, 7, 14, 28"
static void list_divisors(int64_t n, char *out, size_t out_bytes) {
    size_t used = 0;
    for (int64_t d = 1; d <= n && used < out_bytes; d++) {
        if (n % d == 0) {
            used += (size_t)snprintf(out + used, out_bytes - used, "%s%lld", used > 0 ? ", " : "",
                                     (long long)d);
        }
    }
}

static od_status check_patch(const spec_pair *pair, od_faults *faults) {
    const od_model_spec *model = &pair->spec->model;
    if (model->patch_size < 1 || model->image_size < 1 ||
        model->image_size % model->patch_size == 0) {
        return OD_OK;
    }
    char divisors[128];
    list_divisors(model->image_size, divisors, sizeof divisors);
    return od_faults_add(faults, "/model/patch_size",
                         "is %lld and does not divide the image's side of %lld; give one of %s",
                         (long long)model->patch_size, (long long)model->image_size, divisors);
}

static od_status check_method(const spec_pair *pair, od_faults *faults) {
    if (strcmp(text_at(pair, "residual.method"), "negative") == 0 &&
        pair->spec->residual.connection == OD_CONNECT_ORTHOGONAL) {
        OD_TRY(od_faults_add(faults, "/residual/method",
                             "is \"negative\", which goes with the linear connection only"));
    }
    if (strcmp(text_at(pair, "residual.method"), "negative") == 0 &&
        pair->spec->residual.pattern != OD_PATTERN_DEFAULT) {
        OD_TRY(od_faults_add(faults, "/residual/pattern",
                             "is \"%s\"; the method \"negative\" takes no pattern; give "
                             "\"default\"",
                             text_at(pair, "residual.pattern")));
    }
    if (strcmp(text_at(pair, "residual.rescale_mode"), "conv1x1") == 0 && is_vit(pair)) {
        OD_TRY(od_faults_add(faults, "/residual/rescale_mode",
                             "is \"conv1x1\", which goes with a resnet only; give \"scalar\""));
    }
    if (!(pair->spec->residual.eps >= FLT_MIN)) {
        OD_TRY(od_faults_add(faults, "/residual/eps", "is too small for float32; give %g or more",
                             (double)FLT_MIN));
    }
    return OD_OK;
}

static od_status check_probability(const spec_pair *pair, od_faults *faults) {
    if (!pair->spec->residual.is_drawn ||
        pair->spec->residual.connection == OD_CONNECT_ORTHOGONAL) {
        return OD_OK;
    }
    return od_faults_add(faults, "/residual/probability",
                         "is %g, which goes with the orthogonal connection only; give null",
                         (double)pair->spec->residual.probability);
}

static od_status check_drops(const spec_pair *pair, od_faults *faults) {
    const od_model_spec *model = &pair->spec->model;
    const struct {
        const char *pointer;
        float rate;
    } drops[] = {{"/model/drop_path", model->drop_path},
                 {"/model/mlp_dropout", model->mlp_dropout}};
    for (size_t i = 0; i < sizeof drops / sizeof drops[0]; i++) {
        if (drops[i].rate > 0 && !is_vit(pair)) {
            OD_TRY(od_faults_add(faults, drops[i].pointer,
                                 "is %g, which goes with vit only; give 0", (double)drops[i].rate));
        }
    }
    return OD_OK;
}

static od_status check_blocks(const spec_pair *pair, od_faults *faults) {
    const cJSON *blocks = od_json_at(pair->json, "residual.blocks");
    int64_t depth = pair->spec->model.depth;
    int count = cJSON_IsArray(blocks) && depth > 0 ? cJSON_GetArraySize(blocks) : 0;
    for (int i = 0; i < count; i++) {
        double block = cJSON_GetArrayItem(blocks, i)->valuedouble;
        char pointer[POINTER_BYTES];
        snprintf(pointer, sizeof pointer, "/residual/blocks/%d", i);
        if (block >= (double)depth) {
            OD_TRY(od_faults_add(faults, pointer, "is %.0f; the model's blocks are 0 to %lld",
                                 block, (long long)depth - 1));
        }
    }
    return OD_OK;
}

static od_status check_root(const spec_pair *pair, od_faults *faults) {
    const char *root = text_at(pair, "data.root");
    if (*root == '\0' || *root == '/') {
        return OD_OK;
    }
    return od_faults_add(faults, "/data/root",
                         "is relative; a spec must mean the same everywhere: give a path from /");
}

static od_status check_init_from(const spec_pair *pair, od_faults *faults) {
    const char *path = text_at(pair, "init_from");
    if (*path == '\0' || *path == '/') {
        return OD_OK;
    }
    return od_faults_add(faults, "/init_from",
                         "is relative; a spec must mean the same everywhere: give a path from /");
}

static od_status check_accumulation(const spec_pair *pair, od_faults *faults) {
    const od_train_spec *train = &pair->spec->train;
    if (train->grad_accumulate_steps < 1 || train->batch_size % train->grad_accumulate_steps == 0) {
        return OD_OK;
    }
    return od_faults_add(faults, "/train/grad_accumulate_steps",
                         "is %lld and does not divide the batch_size of %lld; give a divisor",
                         (long long)train->grad_accumulate_steps, (long long)train->batch_size);
}

static od_status check_mixup(const spec_pair *pair, od_faults *faults) {
    const od_mixup_spec *mixup = &pair->spec->data.mixup;
    const od_train_spec *train = &pair->spec->train;
    if (!mixup->is_on) {
        return OD_OK;
    }
    if (mixup->alpha <= 0 && mixup->cutmix_alpha <= 0) {
        OD_TRY(od_faults_add(faults, "/data/mixup/alpha",
                             "is 0, and cutmix_alpha is 0 too; give one of them more, or null in "
                             "the place of mixup"));
    }
    const int64_t parts = train->grad_accumulate_steps;
    if (parts < 1 || train->batch_size % parts != 0 || train->batch_size / parts % 2 == 0) {
        return OD_OK;
    }
    return od_faults_add(faults, "/train/batch_size",
                         "is %lld in %lld parts of %lld images; mixup mixes pairs and takes parts "
                         "of an even number",
                         (long long)train->batch_size, (long long)parts,
                         (long long)(train->batch_size / parts));
}

static od_status check_warmup(const spec_pair *pair, od_faults *faults) {
    const od_schedule_spec *schedule = &pair->spec->train.schedule;
    if (!schedule->warmup_const || schedule->type == OD_SCHEDULE_STEP) {
        return OD_OK;
    }
    return od_faults_add(faults, "/train/schedule/warmup_type",
                         "is \"const\", which goes with the schedule \"step\" only; give "
                         "\"linear\"");
}

#define MODEL "/model/arch /model/preset "
// A rule is left out when the schema has found something that it reads at fault: what it would say
// might follow from that alone.
static const struct {
    od_status (*check)(const spec_pair *pair, od_faults *faults);
    const char *reads; // pointers, parted by spaces
} rules[] = {
    {check_precision, "/train/precision"},
    {check_sizes, MODEL "/model/width /model/depth /model/heads"},
    {check_heads, MODEL "/model/width /model/heads"},
    {check_patch, "/model/arch /model/patch_size /data/dataset"},
    {check_method, "/model/arch /residual/connection /residual/method /residual/pattern "
                   "/residual/rescale_mode /residual/eps"},
    {check_probability, "/residual/connection /residual/probability"},
    {check_drops, "/model/arch /model/drop_path /model/mlp_dropout"},
    {check_blocks, MODEL "/model/depth /residual/blocks"},
    {check_root, "/data/root"},
    {check_init_from, "/init_from"},
    {check_accumulation, "/train/batch_size /train/grad_accumulate_steps"},
    {check_mixup, "/data/mixup /train/batch_size /train/grad_accumulate_steps"},
    {check_warmup, "/train/schedule/type /train/schedule/warmup_type"},
};

static bool is_sound(const char *reads, const od_faults *known) {
    char pointer[POINTER_BYTES];
    while (*reads != '\0') {
        size_t length = strcspn(reads, " ");
        snprintf(pointer, sizeof pointer, "%.*s", (int)length, reads);
        if (od_faults_touch(known, pointer)) {
            return false;
        }
        reads += length + (reads[length] == ' ');
    }
    return true;
}

od_status od_spec_check(const cJSON *json, const od_spec *spec, od_faults *faults) {
    const spec_pair pair = {json, spec};
    size_t known_count = faults->count;
    OD_TRY(check_limits(json, faults));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const od_faults known = {faults->items, known_count};
        if (is_sound(rules[i].reads, &known)) {
            OD_TRY(rules[i].check(&pair, faults));
        }
    }
    return OD_OK;
}
