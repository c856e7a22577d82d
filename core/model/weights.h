// SPDX-License-Identifier: Apache-2.0
// Weights from a file or folder of this or another program, fitted to a model: the names of the
// reference's state_dict or Hugging Face's (core/model/hf.h), float32 or another floating type.
//
// A folder is a checkpoint or Hugging Face's: it holds model.safetensors. Pickles (.pt, .pth, .bin)
// are refused, because reading one means to run the program inside.
#ifndef OD_CORE_MODEL_WEIGHTS_H
#define OD_CORE_MODEL_WEIGHTS_H

#include "base/schema.h"
#include "core/model/hf.h"
#include "core/model/model.h"

enum { OD_WEIGHTS_PATH_BYTES = 4096 };

typedef struct od_weights {
    char path[OD_WEIGHTS_PATH_BYTES]; // of the file
    od_safetensors file;              // as it is but for floating types, which are float32
    bool is_hf;
    bool has_config; // of a config.json beside the file, or of "config" in its metadata
    od_hf_config config;
} od_weights;

typedef enum od_weights_part { OD_WEIGHTS_HEADER, OD_WEIGHTS_ALL } od_weights_part;

// With OD_WEIGHTS_HEADER, the tensors have no data and no more than the header is read.
od_status od_weights_open(const char *path, od_weights_part part, od_weights *out,
                          od_error *error) OD_MUST_CHECK;
void od_weights_fini(od_weights *weights);

// Adds a fault for every tensor that is missing, unexpected or of another shape, by the name that
// it has in the file, and for what config says otherwise than spec, from which model is built.
od_status od_weights_check(const od_weights *weights, const od_spec *spec, const od_model *model,
                           const char *pointer, od_faults *faults) OD_MUST_CHECK;

// The tensors of the model's state_dict, in its order, from weights that od_weights_check has found
// nothing wrong with. OD_E_NON_FINITE names the tensors with NaN or infinite values.
od_status od_weights_fit(const od_weights *weights, const od_model *model, od_safetensors *out,
                         od_error *error) OD_MUST_CHECK;

#endif
