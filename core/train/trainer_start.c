// SPDX-License-Identifier: Apache-2.0
// Weights to start from, from a file of this or another program.
#include "core/model/weights.h"
#include "core/train/trainer_private.h"

static od_status check_model(const od_spec *spec, const od_weights *weights, const char *pointer,
                             od_faults *faults) {
    od_model *model = NULL;
    od_error error = {0};
    if (od_model_new(spec, false, &model, &error) != OD_OK) {
        return od_faults_add(faults, "", "%s", error.text);
    }
    od_status status = od_weights_check(weights, spec, model, pointer, faults);
    od_model_free(model);
    return status;
}

od_status od_trainer_check_start(const od_spec *spec, const char *path, const char *pointer,
                                 od_faults *faults) {
    od_weights weights;
    od_error error = {0};
    if (od_weights_open(path, OD_WEIGHTS_HEADER, &weights, &error) != OD_OK) {
        return od_faults_add(faults, pointer, "%s", error.text);
    }
    od_status status = check_model(spec, &weights, pointer, faults);
    od_weights_fini(&weights);
    return status;
}

// The first fault, and how many there are.
static od_status fail(const od_faults *faults, od_error *error) {
    const char *first = faults->items[0].detail;
    return faults->count == 1
               ? od_error_set(error, OD_E_INVALID, "%s", first)
               : od_error_set(error, OD_E_INVALID, "%s (and %zu more)", first, faults->count - 1);
}

static od_status check(const od_trainer *trainer, const od_weights *weights, od_error *error) {
    od_faults faults = {0};
    od_status status = od_weights_check(weights, &trainer->spec, trainer->model, "", &faults);
    if (status != OD_OK) {
        od_error_set(error, status, "no memory to check %s", weights->path);
    } else if (faults.count > 0) {
        status = fail(&faults, error);
    }
    od_faults_fini(&faults);
    return status;
}

static od_status load(od_trainer *trainer, const od_weights *weights, od_error *error) {
    od_safetensors fitted;
    OD_TRY(check(trainer, weights, error));
    OD_TRY(od_weights_fit(weights, trainer->model, &fitted, error));
    od_status status = od_trainer_load_model(trainer, fitted.tensors, fitted.count, error);
    od_safetensors_fini(&fitted);
    return status == OD_OK ? OD_OK : od_error_prefix(error, "%s", weights->path);
}

od_status od_trainer_start_from(od_trainer *trainer, const char *path, od_error *error) {
    od_weights weights;
    OD_TRY(od_weights_open(path, OD_WEIGHTS_ALL, &weights, error));
    od_status status = load(trainer, &weights, error);
    od_weights_fini(&weights);
    return status;
}
