// SPDX-License-Identifier: Apache-2.0
// From what the kernels leave of a connection to the statistics it is known by. The six of
// od_connection_stat_names are there for every connection; a pattern adds, as the reference does:
//   rezero              pattern/alpha; orthogonal: pattern/f_ortho_raw_norm2
//   rezero_constrained  pattern/theta, /alpha (its cosine), /beta (its sine); orthogonal:
//                       pattern/f_par_raw_norm2, /f_ortho_raw_norm2
//   rescale_stream      pattern/rescale_mode (0: scalar, 1: conv1x1), /f_par_raw_norm2,
//                       /scaled_x_norm2, /stream_scale_ratio and /rescale_alpha or
//                       /rescale_conv_weight_norm
#ifndef OD_CORE_TRAIN_STATISTICS_H
#define OD_CORE_TRAIN_STATISTICS_H

#include "core/graph/graph.h"
#include "core/train/trainer.h"

// Adds to *stats what one run of node, a connection, left in raw (OD_PLAN_STATS_STRIDE floats),
// with the weight share. connection: what the node was in this run, the same for all runs of a sum.
void od_statistics_add(od_connection_stats *stats, const od_node *node, od_connection connection,
                       const float *raw, double share);
// Keeps tag and block.
void od_statistics_clear(od_connection_stats *stats);

#endif
