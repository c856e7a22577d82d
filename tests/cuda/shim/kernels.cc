// SPDX-License-Identifier: Apache-2.0
// The backend's CUDA sources, compiled for the host.
#include "core/backend/cuda/attention.cu"
#include "core/backend/cuda/loss.cu"
#include "core/backend/cuda/pattern.cu"
#include "core/backend/cuda/pointwise.cu"
#include "core/backend/cuda/random.cu"
#include "core/backend/cuda/reduce.cu"
#include "core/backend/cuda/rows.cu"
#include "core/backend/cuda/tokens.cu"
