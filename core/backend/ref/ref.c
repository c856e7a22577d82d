// SPDX-License-Identifier: Apache-2.0
// The device and the table of the reference backend. It has no state at all.
#include "core/backend/ref/ref.h"

#include "core/backend/host.h"

struct od_device {
    const char *description;
};

static od_device the_device = {.description = "plain loops"};

static od_status ref_open(const od_device_options *options, od_device **out, od_error *error) {
    OD_TRY(od_host_check_options(options, error));
    *out = &the_device;
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
