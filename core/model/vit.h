// SPDX-License-Identifier: Apache-2.0
// Vision transformer, pre-norm, with a class token (names and shapes of the reference).
//   t = patches W + b; x = [cls, t + pos]
//   per block: x = connect(x, proj(attention(norm(x)))); x = connect(x, fc2(gelu(fc1(norm(x)))))
//   logits = linear(layernorm_affine(x[class token]))
// norm: no affine, eps 1e-6; MLP ratio 4; GELU by tanh; head norm eps 1e-5.
#ifndef OD_CORE_MODEL_VIT_H
#define OD_CORE_MODEL_VIT_H

#include "core/model/model.h"

// Adds the network to an empty model (graph there, not finished). Sizes that do not fit are
// OD_E_INVALID.
od_status od_vit_build(const od_spec *spec, od_model *model, od_error *error) OD_MUST_CHECK;

#endif
