// SPDX-License-Identifier: Apache-2.0
// The ways to compute a convolution. Arguments are those of conv2d_forward and conv2d_backward of
// the table; all are called outside of a parallel region.
#ifndef OD_CORE_BACKEND_CPU_CONV_H
#define OD_CORE_BACKEND_CPU_CONV_H

#include "core/backend/cpu/cpu.h"

// By sgemm in float32, by the loops in bfloat16, and by oneDNN in the device's precision.
extern __typeof__(*((const od_backend *)0)->conv2d_forward) od_cpu_sgemm_conv_forward,
    od_cpu_bf16_conv_forward, od_cpu_onednn_conv_forward;
extern __typeof__(*((const od_backend *)0)->conv2d_backward) od_cpu_sgemm_conv_backward,
    od_cpu_bf16_conv_backward, od_cpu_onednn_conv_backward;

// Whether the loops do, for want of a library that computes in the device's precision.
bool od_cpu_conv_is_by_loops(const od_device *device);

// Whether oneDNN multiplies bfloat16 by instructions of this machine. Where it has none it emulates
// them, which is slower than the loops, or takes plain loops.
bool od_cpu_onednn_conv_has_bf16(void);
void od_cpu_onednn_conv_free(od_cpu_convolutions *convolutions);

#endif
