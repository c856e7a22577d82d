// SPDX-License-Identifier: Apache-2.0
// config.json. A key that is missing has the default that the transformers library gives it.
#include "core/model/hf.h"

#include "base/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double NORM_EPS = 1e-6;
enum { MLP_RATIO = 4, MAX_SIZE = 1 << 20, MAX_CLASSES = 1 << 20 };

typedef struct config_reader {
    const char *name; // of the file
    const cJSON *json;
    od_error *error;
    od_status status; // of the first failure
} config_reader;

// The value of key, NULL where it is missing or null.
static const cJSON *value_of(const config_reader *reader, const char *key) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->json, key);
    return cJSON_IsNull(value) ? NULL : value;
}

static void fail(config_reader *reader, od_status status, const char *key, const char *detail) {
    if (reader->status == OD_OK) {
        reader->status =
            od_error_set(reader->error, status, "%s: \"%s\" %s", reader->name, key, detail);
    }
}

static int64_t size_of(config_reader *reader, const char *key, int64_t when_missing) {
    const cJSON *value = value_of(reader, key);
    if (value == NULL) {
        return when_missing;
    }
    const double size = cJSON_IsNumber(value) ? value->valuedouble : 0;
    if (!(size >= 1 && size <= MAX_SIZE && size == floor(size))) {
        fail(reader, OD_E_INVALID, key, "is no whole number from 1 to 1048576");
        return when_missing;
    }
    return (int64_t)size;
}

static double number_of(config_reader *reader, const char *key, double when_missing) {
    const cJSON *value = value_of(reader, key);
    if (value != NULL && !cJSON_IsNumber(value)) {
        fail(reader, OD_E_INVALID, key, "is no number");
        return when_missing;
    }
    return value != NULL ? value->valuedouble : when_missing;
}

static bool flag_of(config_reader *reader, const char *key, bool when_missing) {
    const cJSON *value = value_of(reader, key);
    if (value != NULL && !cJSON_IsBool(value)) {
        fail(reader, OD_E_INVALID, key, "is neither true nor false");
    }
    return value != NULL ? cJSON_IsTrue(value) : when_missing;
}

// One of names (ending with NULL), as an index.
static int choice_of(config_reader *reader, const char *key, const char *when_missing,
                     const char *const *names) {
    const cJSON *value = value_of(reader, key);
    if (value != NULL && !cJSON_IsString(value)) {
        fail(reader, OD_E_INVALID, key, "is no text");
        return 0;
    }
    const char *text = value != NULL ? value->valuestring : when_missing;
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            return i;
        }
    }
    char detail[96];
    snprintf(detail, sizeof detail, "is \"%.32s\", which this model cannot be", text);
    fail(reader, OD_E_UNSUPPORTED, key, detail);
    return 0;
}

// num_labels is written as the labels' names.
static int64_t classes_of(config_reader *reader) {
    const cJSON *labels = value_of(reader, "id2label");
    if (cJSON_IsObject(labels)) {
        return cJSON_GetArraySize(labels);
    }
    return size_of(reader, "num_labels", 2);
}

static void check_kind(config_reader *reader, const od_hf_config *config) {
    static const char *const tanh_gelus[] = {"gelu_fast", "gelu_new", "gelu_pytorch_tanh", NULL};
    static const char *const methods[] = {"feature", "global", NULL}; // the same in a ViT
    choice_of(reader, "hidden_act", "gelu", tanh_gelus);
    choice_of(reader, "orthogonal_method", "feature", methods);
    if (size_of(reader, "intermediate_size", 3072) != MLP_RATIO * config->width) {
        fail(reader, OD_E_UNSUPPORTED, "intermediate_size", "is not four times hidden_size");
    }
    if (!flag_of(reader, "qkv_bias", true)) {
        fail(reader, OD_E_UNSUPPORTED, "qkv_bias", "is false; this model has those biases");
    }
    if (flag_of(reader, "elementwise_affine_ln", false)) {
        fail(reader, OD_E_UNSUPPORTED, "elementwise_affine_ln",
             "is true; the norms in this model's blocks have no weights");
    }
    if (number_of(reader, "layer_norm_eps", 1e-12) != NORM_EPS) {
        fail(reader, OD_E_UNSUPPORTED, "layer_norm_eps", "is not 1e-6");
    }
    if (value_of(reader, "residual_perturbation") != NULL) {
        fail(reader, OD_E_UNSUPPORTED, "residual_perturbation", "is not null");
    }
    if (number_of(reader, "residual_connection_dim", -1) != -1) {
        fail(reader, OD_E_UNSUPPORTED, "residual_connection_dim", "is not -1");
    }
}

static void check_sizes(config_reader *reader, const od_hf_config *config) {
    if (config->width % config->heads != 0) {
        fail(reader, OD_E_INVALID, "num_attention_heads", "does not divide hidden_size");
    }
    if (config->image_size % config->patch_size != 0) {
        fail(reader, OD_E_INVALID, "patch_size", "does not divide image_size");
    }
    if (config->depth > OD_SPEC_MAX_BLOCKS) {
        fail(reader, OD_E_TOO_LARGE, "num_hidden_layers", "is more than 256");
    }
    if (config->classes < 1 || config->classes > MAX_CLASSES) {
        fail(reader, OD_E_INVALID, "id2label", "has no label, or too many");
    }
    if (!(config->eps > 0 && isfinite(config->eps))) {
        fail(reader, OD_E_INVALID, "residual_eps", "is not more than 0");
    }
}

static od_status read_config(config_reader *reader, od_hf_config *out) {
    static const char *const connections[] = {"linear", "orthogonal", NULL};
    static const char *const types[] = {"ortho_vit", NULL};
    if (!cJSON_IsObject(reader->json)) {
        return od_error_set(reader->error, OD_E_INVALID, "%s is no JSON object", reader->name);
    }
    choice_of(reader, "model_type", "", types);
    *out = (od_hf_config){
        .image_size = size_of(reader, "image_size", 224),
        .patch_size = size_of(reader, "patch_size", 16),
        .channels = size_of(reader, "num_channels", 3),
        .width = size_of(reader, "hidden_size", 768),
        .depth = size_of(reader, "num_hidden_layers", 12),
        .heads = size_of(reader, "num_attention_heads", 12),
        .classes = classes_of(reader),
        .orthogonal = choice_of(reader, "residual_connection", "linear", connections) == 1,
        .eps = number_of(reader, "residual_eps", 1e-6),
    };
    check_kind(reader, out);
    check_sizes(reader, out);
    return reader->status;
}

od_status od_hf_config_parse(const char *name, const char *text, size_t size, od_hf_config *out,
                             od_error *error) {
    cJSON *json = NULL;
    if (od_json_parse(text, size, &json, error) != OD_OK) {
        od_error_prefix(error, "%s", name);
        return OD_E_SYNTAX;
    }
    config_reader reader = {.name = name, .json = json, .error = error};
    od_status status = read_config(&reader, out);
    cJSON_Delete(json);
    return status;
}

// --- writing ------------------------------------------------------------------------------

static void add_labels(cJSON *json, int64_t classes) {
    cJSON *names = cJSON_AddObjectToObject(json, "id2label");
    cJSON *numbers = cJSON_AddObjectToObject(json, "label2id");
    for (int64_t i = 0; i < classes; i++) {
        char name[32], number[24];
        snprintf(number, sizeof number, "%lld", (long long)i);
        snprintf(name, sizeof name, "LABEL_%lld", (long long)i);
        cJSON_AddStringToObject(names, number, name);
        cJSON_AddNumberToObject(numbers, name, (double)i);
    }
}

static void add_sizes(cJSON *json, const od_hf_config *config) {
    const struct {
        const char *key;
        int64_t value;
    } sizes[] = {
        {"image_size", config->image_size},
        {"patch_size", config->patch_size},
        {"num_channels", config->channels},
        {"hidden_size", config->width},
        {"num_hidden_layers", config->depth},
        {"num_attention_heads", config->heads},
        {"intermediate_size", MLP_RATIO * config->width},
        {"encoder_stride", config->patch_size},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cJSON_AddNumberToObject(json, sizes[i].key, (double)sizes[i].value);
    }
}

od_status od_hf_config_print(const od_hf_config *config, char **out, od_error *error) {
    cJSON *json = cJSON_CreateObject();
    cJSON *classes = cJSON_AddArrayToObject(json, "architectures");
    cJSON_AddItemToArray(classes, cJSON_CreateString("OrthoViTForImageClassification"));
    cJSON_AddStringToObject(json, "model_type", "ortho_vit");
    add_sizes(json, config);
    cJSON_AddStringToObject(json, "hidden_act", "gelu_fast");
    cJSON_AddNumberToObject(json, "hidden_dropout_prob", 0);
    cJSON_AddNumberToObject(json, "attention_probs_dropout_prob", 0);
    cJSON_AddNumberToObject(json, "layer_norm_eps", NORM_EPS);
    cJSON_AddTrueToObject(json, "qkv_bias");
    cJSON_AddFalseToObject(json, "elementwise_affine_ln");
    cJSON_AddStringToObject(json, "residual_connection",
                            config->orthogonal ? "orthogonal" : "linear");
    cJSON_AddStringToObject(json, "orthogonal_method", "feature");
    cJSON_AddNumberToObject(json, "residual_connection_dim", -1);
    cJSON_AddNumberToObject(json, "residual_eps", config->eps);
    cJSON_AddNullToObject(json, "residual_perturbation");
    add_labels(json, config->classes);
    cJSON_AddStringToObject(json, "torch_dtype", "float32");
    *out = od_json_print(json);
    cJSON_Delete(json);
    return *out != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory for config.json");
}

// --- beside a spec ------------------------------------------------------------------------

static bool is_mixed(const od_spec *spec) {
    if (spec->residual.connection != OD_CONNECT_ORTHOGONAL) {
        return false;
    }
    for (int64_t i = 0; i < spec->model.depth; i++) {
        if (!spec->residual.orthogonal_block[i]) {
            return true;
        }
    }
    return false;
}

// What config.json has no words for, or NULL.
static const char *strange_part(const od_spec *spec) {
    const od_residual_spec *residual = &spec->residual;
    const struct {
        bool is_there;
        const char *name;
    } parts[] = {
        {strcmp(spec->model.arch, "vit") != 0, "model.arch other than \"vit\""},
        {residual->connection == OD_CONNECT_NEGATIVE, "residual.method \"negative\""},
        {residual->pattern != OD_PATTERN_DEFAULT, "residual.pattern"},
        {residual->is_drawn, "residual.probability"},
        {residual->perturbation != 0, "residual.perturbation"},
        {is_mixed(spec), "residual.blocks"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].is_there) {
            return parts[i].name;
        }
    }
    return NULL;
}

// 1e-06 rather than 9.9999999747524271e-07.
static double shortest(float value) {
    char text[32];
    double near = value;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        near = strtod(text, NULL);
        if ((float)near == value) {
            break;
        }
    }
    return near;
}

od_status od_hf_config_of(const od_spec *spec, od_hf_config *out, od_error *error) {
    const od_model_spec *model = &spec->model;
    const char *wrong = strange_part(spec);
    if (wrong != NULL) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "Hugging Face's config.json has no words for %s", wrong);
    }
    *out = (od_hf_config){
        .image_size = model->image_size,
        .patch_size = model->patch_size,
        .channels = model->channels,
        .width = model->width,
        .depth = model->depth,
        .heads = model->heads,
        .classes = model->classes,
        .orthogonal = spec->residual.connection == OD_CONNECT_ORTHOGONAL,
        .eps = shortest(spec->residual.eps),
    };
    return OD_OK;
}

void od_hf_spec_of(const od_hf_config *config, od_spec *out) {
    *out = (od_spec){
        .model =
            {
                .arch = "vit",
                .image_size = config->image_size,
                .patch_size = config->patch_size,
                .channels = config->channels,
                .width = config->width,
                .depth = config->depth,
                .heads = config->heads,
                .classes = config->classes,
            },
        .residual =
            {
                .connection = config->orthogonal ? OD_CONNECT_ORTHOGONAL : OD_CONNECT_LINEAR,
                .eps = (float)config->eps,
            },
    };
    memset(out->residual.orthogonal_block, 1, sizeof out->residual.orthogonal_block);
}
