// SPDX-License-Identifier: Apache-2.0
// OrthoViT in Hugging Face's layout: config.json, and the names and shapes of its tensors beside
// those of the reference (state_dict of core/model/vit.c).
//
//   reference                  Hugging Face
//   blocks.N.attn.qkv.*        vit.encoder.layer.N.attention.attention.{query,key,value}.*, thirds
//   pos_embed [1, T, W]        vit.embeddings.position_embeddings [1, T + 1, W]: the first position
//                              is the class token's; here there is none, so it is added to cls_token
//                              on the way in and written as zeros on the way out
//   blocks.N.residual_eps      config.json's residual_eps
// The others keep their shapes. Hugging Face has one layer_norm_eps, 1e-6, for the head's norm, too,
// where the reference has 1e-5.
#ifndef OD_CORE_MODEL_HF_H
#define OD_CORE_MODEL_HF_H

#include "core/io/safetensors.h"
#include "core/spec.h"

#include <stdbool.h>

typedef struct od_hf_config {
    int64_t image_size, patch_size, channels, width, depth, heads, classes;
    bool orthogonal;
    double eps;
} od_hf_config;

// The bytes of a config.json; name stands for its path in errors. OD_E_UNSUPPORTED: it describes a
// model that is not one of core/model/vit.c.
od_status od_hf_config_parse(const char *name, const char *text, size_t size, od_hf_config *out,
                             od_error *error) OD_MUST_CHECK;
// config.json; free() *out.
od_status od_hf_config_print(const od_hf_config *config, char **out, od_error *error) OD_MUST_CHECK;

// OD_E_UNSUPPORTED: config.json has no words for such a model.
od_status od_hf_config_of(const od_spec *spec, od_hf_config *out, od_error *error) OD_MUST_CHECK;
// What od_model_new needs to know of a model.
void od_hf_spec_of(const od_hf_config *config, od_spec *out);

enum { OD_HF_MAX_PARTS = 3 };

// The tensors in this layout that make up the reference's: names, shapes and dtypes without data.
// Returns their number, 0 where the layout has none (residual_eps), -1 for a name that this layout
// does not know.
int od_hf_parts(const od_named_tensor *reference, od_named_tensor parts[OD_HF_MAX_PARTS]);

// Whether these are names of this layout.
bool od_hf_names(const od_named_tensor *tensors, size_t count);

// The values of parts, which are as od_hf_parts says, into out->data, and back. class_position [W]:
// added by the first to cls_token, and not written by the second. All float32.
void od_hf_join(const od_named_tensor *parts, int count, const float *class_position,
                const od_named_tensor *out);
void od_hf_split(const od_named_tensor *reference, const od_named_tensor *parts, int count);

extern const char *const od_hf_position_name; // "vit.embeddings.position_embeddings"

#endif
