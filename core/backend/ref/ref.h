// SPDX-License-Identifier: Apache-2.0
// The reference backend: the formulas of backend.h as obvious loops. All arithmetic is float64 and
// only what is stored is rounded to float32, so that a difference to another backend is that
// backend's. Never optimise anything here.
#ifndef OD_CORE_BACKEND_REF_REF_H
#define OD_CORE_BACKEND_REF_REF_H

#include "core/backend/kernels.h"

// x as an operand of a matrix product. NULL computes in float32.
double od_ref_operand(const od_device *device, float x);

#define OD_REF_DECLARE(name) OD_KERNEL_DECLARE(ref, name)
OD_KERNEL_MAP(OD_REF_DECLARE)
#undef OD_REF_DECLARE

#endif
