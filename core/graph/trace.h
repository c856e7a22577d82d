// SPDX-License-Identifier: Apache-2.0
// Where a number that is not finite comes from: for people, after a run has met one. Slow.
#ifndef OD_CORE_GRAPH_TRACE_H
#define OD_CORE_GRAPH_TRACE_H

#include "core/graph/run.h"

enum { OD_TRACE_TEXT_BYTES = 384 };

// Looks at the inputs and parameters, then runs forward and backward step by step and looks at what
// each step has written: out[OD_TRACE_TEXT_BYTES] gets a sentence on the first tensor that holds an
// infinity or NaN, or "" when all are finite:
//   "block 3 attn: qkv has 12 non-finite values of 98304, the first at [5, 17, 301]"
//   "the parameter blocks.3.attn.qkv.weight has ..."   "the input images has ..."
//   "block 3 mlp: the gradient of fc1 has ..."         "the gradient of classifier.1.bias has ..."
// The first index is the sample. The gradients of parameters are expected to be zeroed; they are
// written to.
od_status od_trace_non_finite(od_run *run, const od_run_options *options, char *out,
                              od_error *error) OD_MUST_CHECK;

#endif
