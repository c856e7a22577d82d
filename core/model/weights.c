// SPDX-License-Identifier: Apache-2.0
// What a file has to hold follows from the model's tensors: themselves, or their parts in the other
// layout. One list of that is compared with what the file's header says, and then filled.
#include "core/model/weights.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t MAX_FILE_BYTES = (size_t)1 << 40;
enum { MAX_CONFIG_BYTES = 1 << 20, MAGIC_BYTES = 9, SHAPE_BYTES = 128 };

// --- which file ---------------------------------------------------------------------------

static od_status join(const char *folder, const char *leaf, char out[OD_WEIGHTS_PATH_BYTES],
                      od_error *error) {
    if (snprintf(out, OD_WEIGHTS_PATH_BYTES, "%s/%s", folder, leaf) >= OD_WEIGHTS_PATH_BYTES) {
        return od_error_set(error, OD_E_TOO_LARGE, "path is too long: %.64s.../%s", folder, leaf);
    }
    return OD_OK;
}

static od_status refuse_pickle(const char *path, od_error *error) {
    return od_error_set(
        error, OD_E_UNSUPPORTED,
        "%s is a pickle, which is a program and is not run; convert it where you trust it: python3 "
        "-c 'import sys, torch, safetensors.torch; d = torch.load(sys.argv[1], "
        "map_location=\"cpu\"); safetensors.torch.save_file(d.get(\"model\", d), sys.argv[2])' "
        "FILE.pt FILE.safetensors",
        path);
}

// What stands in a folder instead of model.safetensors.
static od_status explain_folder(const char *folder, od_error *error) {
    static const char *const pickles[] = {"pytorch_model.bin", "model.pt", "model.pth"};
    char path[OD_WEIGHTS_PATH_BYTES];
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        OD_TRY(join(folder, pickles[i], path, error));
        if (access(path, F_OK) == 0) {
            return refuse_pickle(path, error);
        }
    }
    OD_TRY(join(folder, "model.safetensors.index.json", path, error));
    if (access(path, F_OK) == 0) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "%s: the weights are in several files; save them in one", folder);
    }
    OD_TRY(join(folder, "checkpoints", path, error));
    if (access(path, F_OK) == 0) {
        return od_error_set(error, OD_E_NOT_FOUND,
                            "%s is a run that has not succeeded; give one of %s/checkpoints/",
                            folder, folder);
    }
    return od_error_set(error, OD_E_NOT_FOUND, "%s has no model.safetensors", folder);
}

static od_status find_file(const char *path, char out[OD_WEIGHTS_PATH_BYTES], od_error *error) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return od_error_set_errno(error, errno, "%s", path);
    }
    if (S_ISDIR(info.st_mode)) {
        OD_TRY(join(path, "model.safetensors", out, error));
        return access(out, F_OK) == 0 ? OD_OK : explain_folder(path, error);
    }
    return snprintf(out, OD_WEIGHTS_PATH_BYTES, "%s", path) < OD_WEIGHTS_PATH_BYTES
               ? OD_OK
               : od_error_set(error, OD_E_TOO_LARGE, "path is too long: %.64s...", path);
}

// A zip archive or a bare pickle; the ninth byte of a safetensors file opens its header.
static od_status check_magic(const char *path, od_error *error) {
    unsigned char magic[MAGIC_BYTES] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd >= 0 ? read(fd, magic, sizeof magic) : -1;
    if (fd >= 0) {
        close(fd);
    }
    const bool zip = got >= 4 && memcmp(magic, "PK\3\4", 4) == 0;
    const bool pickle = got >= 2 && magic[0] == 0x80 && magic[1] <= 5 && magic[8] != '{';
    return zip || pickle ? refuse_pickle(path, error) : OD_OK; // reading says what else is wrong
}

// --- config.json --------------------------------------------------------------------------

static od_status read_beside(od_weights *weights, od_error *error) {
    char path[OD_WEIGHTS_PATH_BYTES];
    od_buffer text = {0};
    const char *slash = strrchr(weights->path, '/');
    const int folder = slash != NULL ? (int)(slash - weights->path) : 1;
    snprintf(path, sizeof path, "%.*s/config.json", folder, slash != NULL ? weights->path : ".");
    if (access(path, F_OK) != 0) {
        return OD_OK;
    }
    od_status status = od_file_read(path, MAX_CONFIG_BYTES, &text, error);
    if (status == OD_OK) {
        status = od_hf_config_parse(path, text.data, text.size, &weights->config, error);
    }
    od_buffer_fini(&text);
    weights->has_config = status == OD_OK;
    return status;
}

// As ortho-worker export leaves it.
static od_status read_metadata(od_weights *weights, od_error *error) {
    cJSON *metadata = NULL;
    if (weights->file.metadata_json == NULL) {
        return OD_OK;
    }
    OD_TRY(od_json_parse(weights->file.metadata_json, strlen(weights->file.metadata_json),
                         &metadata, error));
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(metadata, "config");
    od_status status = OD_OK;
    if (cJSON_IsString(config)) {
        status = od_hf_config_parse(weights->path, config->valuestring, strlen(config->valuestring),
                                    &weights->config, error);
        weights->has_config = status == OD_OK;
    }
    cJSON_Delete(metadata);
    return status;
}

// --- opening ------------------------------------------------------------------------------

static od_status open_all(const char *path, od_weights_part part, od_weights *out,
                          od_error *error) {
    OD_TRY(find_file(path, out->path, error));
    OD_TRY(check_magic(out->path, error));
    OD_TRY(part == OD_WEIGHTS_HEADER
               ? od_safetensors_read_header(out->path, MAX_FILE_BYTES, &out->file, error)
               : od_safetensors_read(out->path, MAX_FILE_BYTES, &out->file, error));
    OD_TRY(od_safetensors_to_f32(&out->file, error));
    out->is_hf = od_hf_names(out->file.tensors, out->file.count);
    return out->is_hf ? read_beside(out, error) : read_metadata(out, error);
}

od_status od_weights_open(const char *path, od_weights_part part, od_weights *out,
                          od_error *error) {
    *out = (od_weights){0};
    od_status status = open_all(path, part, out, error);
    if (status != OD_OK) {
        od_weights_fini(out);
    }
    return status;
}

void od_weights_fini(od_weights *weights) {
    od_safetensors_fini(&weights->file);
}

// --- what a model needs -------------------------------------------------------------------

static od_named_tensor of_model(const od_model_tensor *tensor) {
    od_named_tensor out = {
        .dtype = tensor->kind == OD_TENSOR_COUNTER ? OD_I64 : OD_F32,
        .rank = tensor->rank,
    };
    memcpy(out.name, tensor->name, sizeof out.name);
    memcpy(out.shape, tensor->shape, sizeof out.shape);
    return out;
}

// The tensors that make up one of the model's in the file; a name that its layout does not know
// stands for itself, and is missing.
static int parts_of(const od_weights *weights, const od_model_tensor *tensor,
                    od_named_tensor parts[OD_HF_MAX_PARTS]) {
    const od_named_tensor whole = of_model(tensor);
    const int count = weights->is_hf ? od_hf_parts(&whole, parts) : -1;
    if (count < 0) {
        parts[0] = whole;
        return 1;
    }
    return count;
}

static const od_named_tensor *find(const od_weights *weights, const char *name) {
    return od_safetensors_find(&weights->file, name);
}

static void print_shape(char out[SHAPE_BYTES], const od_named_tensor *tensor) {
    size_t length = (size_t)snprintf(out, SHAPE_BYTES, "[");
    for (int i = 0; i < tensor->rank && length < SHAPE_BYTES; i++) {
        length += (size_t)snprintf(out + length, SHAPE_BYTES - length, "%s%lld", i > 0 ? ", " : "",
                                   (long long)tensor->shape[i]);
    }
    if (length < SHAPE_BYTES) {
        snprintf(out + length, SHAPE_BYTES - length, "]");
    }
}

// A single value may have the shape [] as well as [1]: older files have it so.
static bool fits(const od_named_tensor *wanted, const od_named_tensor *given) {
    const bool one = od_tensor_count(wanted) == 1 && wanted->rank <= 1 &&
                     od_tensor_count(given) == 1 && given->rank <= 1;
    return one ||
           (wanted->rank == given->rank &&
            memcmp(wanted->shape, given->shape, (size_t)wanted->rank * sizeof *wanted->shape) == 0);
}

static od_status check_part(const od_weights *weights, const od_named_tensor *wanted, bool is_head,
                            const char *pointer, od_faults *faults) {
    const od_named_tensor *given = find(weights, wanted->name);
    char is[SHAPE_BYTES], wants[SHAPE_BYTES];
    if (given == NULL) {
        return od_faults_add(faults, pointer, "%s: %s is missing", weights->path, wanted->name);
    }
    if (given->dtype != wanted->dtype) {
        return od_faults_add(faults, pointer, "%s: %s is %s; this model has %s", weights->path,
                             wanted->name, od_dtype_name(given->dtype),
                             od_dtype_name(wanted->dtype));
    }
    if (fits(wanted, given)) {
        return OD_OK;
    }
    print_shape(is, given);
    print_shape(wants, wanted);
    return od_faults_add(faults, pointer, "%s: %s has shape %s; this model has %s%s", weights->path,
                         wanted->name, is, wants,
                         is_head ? " (the head: is it of a data set with as many classes?)" : "");
}

static od_status check_expected(const od_weights *weights, const od_model *model,
                                const char *pointer, od_faults *faults) {
    for (int i = 0; i < model->tensor_count; i++) {
        od_named_tensor parts[OD_HF_MAX_PARTS];
        const int count = parts_of(weights, &model->tensors[i], parts);
        const bool is_head = i >= model->tensor_count - 2; // its weight and bias are the last
        for (int p = 0; p < count; p++) {
            OD_TRY(check_part(weights, &parts[p], is_head, pointer, faults));
        }
    }
    return OD_OK;
}

static bool is_wanted(const od_weights *weights, const od_model *model, const char *name) {
    for (int i = 0; i < model->tensor_count; i++) {
        od_named_tensor parts[OD_HF_MAX_PARTS];
        const int count = parts_of(weights, &model->tensors[i], parts);
        for (int p = 0; p < count; p++) {
            if (strcmp(parts[p].name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static od_status check_unexpected(const od_weights *weights, const od_model *model,
                                  const char *pointer, od_faults *faults) {
    for (size_t i = 0; i < weights->file.count; i++) {
        const char *name = weights->file.tensors[i].name;
        if (od_faults_full(faults)) {
            break;
        }
        if (!is_wanted(weights, model, name)) {
            OD_TRY(od_faults_add(faults, pointer,
                                 "%s: %s is unexpected: this model has no such "
                                 "tensor",
                                 weights->path, name));
        }
    }
    return OD_OK;
}

// What no shape tells.
static od_status check_config(const od_weights *weights, const od_spec *spec, const char *pointer,
                              od_faults *faults) {
    const od_hf_config *config = &weights->config;
    if (!weights->has_config || strcmp(spec->model.arch, "vit") != 0) {
        return OD_OK;
    }
    if (config->heads != spec->model.heads) {
        OD_TRY(od_faults_add(faults, pointer, "%s: its model has %lld heads; this one has %lld",
                             weights->path, (long long)config->heads,
                             (long long)spec->model.heads));
    }
    if (weights->is_hf && (float)config->eps != spec->residual.eps) {
        OD_TRY(od_faults_add(faults, pointer,
                             "%s: its residual_eps is %g; this job's residual.eps is %g",
                             weights->path, config->eps, (double)spec->residual.eps));
    }
    return OD_OK;
}

od_status od_weights_check(const od_weights *weights, const od_spec *spec, const od_model *model,
                           const char *pointer, od_faults *faults) {
    OD_TRY(check_expected(weights, model, pointer, faults));
    OD_TRY(check_unexpected(weights, model, pointer, faults));
    return check_config(weights, spec, pointer, faults);
}

// --- fitting ------------------------------------------------------------------------------

static bool is_finite(const od_named_tensor *tensor) {
    const float *values = tensor->data;
    const int64_t count = tensor->dtype == OD_F32 ? od_tensor_count(tensor) : 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static od_status check_values(const od_weights *weights, od_error *error) {
    od_buffer names = {0};
    for (size_t i = 0; i < weights->file.count; i++) {
        const od_named_tensor *tensor = &weights->file.tensors[i];
        if (!is_finite(tensor) &&
            od_buffer_printf(&names, "%s%s", names.size > 0 ? ", " : "", tensor->name) != OD_OK) {
            od_buffer_fini(&names);
            return od_error_set(error, OD_E_NO_MEMORY, "%s: no memory", weights->path);
        }
    }
    od_status status = OD_OK;
    if (names.size > 0) {
        status =
            od_error_set(error, OD_E_NON_FINITE, "%s: NaN, infinite or too large for float32: %s",
                         weights->path, names.data);
    }
    od_buffer_fini(&names);
    return status;
}

static od_status allocate(const od_model *model, od_safetensors *out, od_error *error) {
    int64_t total = 8;
    out->tensors = calloc((size_t)model->tensor_count + 1, sizeof *out->tensors);
    for (int i = 0; i < model->tensor_count && out->tensors != NULL; i++) {
        out->tensors[i] = of_model(&model->tensors[i]);
        total += (od_tensor_bytes(&out->tensors[i]) + 7) / 8 * 8;
    }
    char *next = out->bytes = calloc((size_t)total, 1);
    if (out->tensors == NULL || next == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for %lld bytes of weights",
                            (long long)total);
    }
    out->count = (size_t)model->tensor_count;
    for (size_t i = 0; i < out->count; i++) {
        out->tensors[i].data = next;
        next += (od_tensor_bytes(&out->tensors[i]) + 7) / 8 * 8;
    }
    return OD_OK;
}

static void fill(const od_weights *weights, const od_model_tensor *tensor,
                 const od_named_tensor *out) {
    od_named_tensor parts[OD_HF_MAX_PARTS];
    const od_named_tensor *position = find(weights, od_hf_position_name);
    const int count = parts_of(weights, tensor, parts);
    for (int p = 0; p < count; p++) {
        parts[p].data = find(weights, parts[p].name)->data;
    }
    if (weights->is_hf && count > 0) {
        od_hf_join(parts, count, position->data, out);
    } else if (count > 0) {
        memcpy(out->data, parts[0].data, (size_t)od_tensor_bytes(out));
    } else {
        memcpy(out->data, &tensor->init.scale, sizeof tensor->init.scale);
    }
}

od_status od_weights_fit(const od_weights *weights, const od_model *model, od_safetensors *out,
                         od_error *error) {
    *out = (od_safetensors){0};
    OD_TRY(check_values(weights, error));
    od_status status = allocate(model, out, error);
    if (status != OD_OK) {
        od_safetensors_fini(out);
        return status;
    }
    for (size_t i = 0; i < out->count; i++) {
        fill(weights, &model->tensors[i], &out->tensors[i]);
    }
    return OD_OK;
}
