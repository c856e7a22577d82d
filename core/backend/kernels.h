// SPDX-License-Identifier: Apache-2.0
// The names of all kernels of od_backend, once, so that a backend declares its functions and fills
// its table from the same list: OD_KERNEL_MAP all of them, OD_COMMON_KERNEL_MAP those that cuda has
// too. Private to the backends.
#ifndef OD_CORE_BACKEND_KERNELS_H
#define OD_CORE_BACKEND_KERNELS_H

#include "core/backend/backend.h"

#define OD_COMMON_KERNEL_MAP(X)  \
    X(linear_forward)            \
    X(linear_gelu_forward)       \
    X(linear_backward)           \
    X(gelu_forward)              \
    X(gelu_backward)             \
    X(layernorm_forward)         \
    X(layernorm_backward)        \
    X(attention_forward)         \
    X(attention_backward)        \
    X(connect_forward)           \
    X(connect_backward)          \
    X(connect_layernorm_forward) \
    X(pattern_forward)           \
    X(pattern_backward)          \
    X(drop)                      \
    X(add_noise)                 \
    X(patchify)                  \
    X(embed_tokens_forward)      \
    X(embed_tokens_backward)     \
    X(first_token_forward)       \
    X(first_token_backward)      \
    X(cross_entropy)             \
    X(cross_entropy_soft)        \
    X(sum_of_squares)            \
    X(scale)                     \
    X(adam)                      \
    X(sgd)

#define OD_KERNEL_MAP(X)    \
    OD_COMMON_KERNEL_MAP(X) \
    X(conv2d_forward)       \
    X(conv2d_backward)      \
    X(batchnorm_forward)    \
    X(batchnorm_evaluate)   \
    X(batchnorm_backward)   \
    X(avgpool_forward)      \
    X(avgpool_backward)

// Declares the function od_BACKEND_NAME with the type of the table's member NAME.
#define OD_KERNEL_DECLARE(backend, name) \
    extern __typeof__(*((const od_backend *)0)->name) od_##backend##_##name;

#endif
