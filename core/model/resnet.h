// SPDX-License-Identifier: Apache-2.0
// Pre-activation ResNets ("ResNetV2"): stem, four stages of basic or bottleneck blocks, average
// pool, head.
#ifndef OD_CORE_MODEL_RESNET_H
#define OD_CORE_MODEL_RESNET_H

#include "core/model/model.h"

// The residual blocks of "resnet18" and the others, all stages together; 0 for any other name.
int64_t od_resnet_blocks(const char *arch);

// Builds the graph and the tensors of spec->model into the empty model. Faults of the graph are
// reported by od_graph_finish.
od_status od_resnet_build(const od_spec *spec, od_model *model, od_error *error) OD_MUST_CHECK;

#endif
