// SPDX-License-Identifier: Apache-2.0
// Attention: each thread takes its share of the (batch element, head) pairs.
#include "core/backend/cpu/cpu.h"

void od_cpu_attention_forward(od_device *device, float *out, float *p, const float *qkv,
                              int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim) {
    float *scratch = od_cpu_scratch(device, device->loops->attention_scratch(tokens, head_dim));
    if (scratch == NULL) {
        return;
    }
#pragma omp parallel num_threads(device->threads)
    {
        float *my_scratch = scratch + (size_t)omp_get_thread_num() * device->scratch_floats;
        od_cpu_share my = od_cpu_my_share(batch * heads, 1);
        device->loops->attention_forward(out, p, qkv, my.begin, my.end, tokens, heads, head_dim,
                                         device->precision == OD_PRECISION_BF16, my_scratch);
    }
}

void od_cpu_attention_backward(od_device *device, float *dqkv, const float *dout, const float *qkv,
                               const float *p, int64_t batch, int64_t tokens, int64_t heads,
                               int64_t head_dim) {
    float *scratch = od_cpu_scratch(device, device->loops->attention_scratch(tokens, head_dim));
    if (scratch == NULL) {
        return;
    }
#pragma omp parallel num_threads(device->threads)
    {
        float *my_scratch = scratch + (size_t)omp_get_thread_num() * device->scratch_floats;
        od_cpu_share my = od_cpu_my_share(batch * heads, 1);
        device->loops->attention_backward(dqkv, dout, qkv, p, my.begin, my.end, tokens, heads,
                                          head_dim, device->precision == OD_PRECISION_BF16,
                                          my_scratch);
    }
}
