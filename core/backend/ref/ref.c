// SPDX-License-Identifier: Apache-2.0
// The devices and the table of the reference backend. They have no state at all.
#include "core/backend/ref/ref.h"

#include "core/backend/host.h"

#include <math.h>
#include <string.h>

struct od_device {
    od_precision precision;
    const char *description;
};

static od_device devices[] = {
    [OD_PRECISION_FP32] = {OD_PRECISION_FP32, "plain loops"},
    [OD_PRECISION_BF16] = {OD_PRECISION_BF16, "plain loops, operands in bfloat16"},
};

double od_ref_operand(const od_device *device, float x) {
    if (device == NULL || device->precision == OD_PRECISION_FP32 || !isfinite(x)) {
        return (double)x;
    }
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t low = bits & 0xffffU, half = 0x8000U;
    bits -= low;
    if (low > half || (low == half && (bits & 0x10000U) != 0)) {
        bits += 0x10000U; // the next bfloat16 away from 0; behind the largest lies infinity
    }
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

static od_status ref_open(const od_device_options *options, od_device **out, od_error *error) {
    OD_TRY(od_host_check_options(options, error));
    *out = &devices[options != NULL ? options->precision : OD_PRECISION_FP32];
    return OD_OK;
}

static void ref_close(od_device *device) {
    (void)device;
}

static const char *ref_describe(const od_device *device) {
    return device->description;
}

static od_status ref_sync(od_device *device, od_error *error) {
    (void)device;
    (void)error;
    return OD_OK;
}

#define MEMBER(name) .name = od_ref_##name,
const od_backend od_backend_ref = {.name = "ref",
                                   .open = ref_open,
                                   .close = ref_close,
                                   .describe = ref_describe,
                                   .alloc = od_host_alloc,
                                   .free = od_host_free,
                                   .upload = od_host_upload,
                                   .download = od_host_download,
                                   .zero = od_host_zero,
                                   .sync = ref_sync,
                                   OD_KERNEL_MAP(MEMBER)};
#undef MEMBER
