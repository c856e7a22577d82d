// SPDX-License-Identifier: Apache-2.0
// Rewrites of a finished graph that change no number but by rounding, and no parameter:
// - linear + gelu -> linear_gelu, when only the gelu reads the linear's output;
// - connect + layernorm without affine -> connect_layernorm, when the stream is read by others too;
//   not across blocks that are recomputed, which would keep both outputs between them.
// Values keep their indices.
#ifndef OD_CORE_GRAPH_FUSE_H
#define OD_CORE_GRAPH_FUSE_H

#include "core/graph/graph.h"

od_status od_graph_fuse(od_graph *graph, od_error *error) OD_MUST_CHECK;

#endif
