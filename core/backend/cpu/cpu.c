// SPDX-License-Identifier: Apache-2.0
// The device of the cpu backend and its table.
#include "config.h"

#include "core/backend/cpu/conv.h"

#include "core/backend/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT_BYTES = 64, ALIGNMENT_FLOATS = 16 };

// The first is the default.
static const od_cpu_blas *const libraries[] = {
#ifdef HAVE_ONEDNN
    &od_cpu_blas_onednn,
#endif
    &od_cpu_blas_openblas,
};

// NULL for the default; NULL when this build is without it.
static const od_cpu_blas *find_blas(const char *name) {
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (name == NULL || strcmp(libraries[i]->name, name) == 0) {
            return libraries[i];
        }
    }
    return NULL;
}

static void describe(od_device *device) {
    char library[sizeof device->description / 2];
    if (device->precision == OD_PRECISION_FP32) {
        device->blas->init(device->description, sizeof device->description);
        return;
    }
    device->blas->init(library, sizeof library);
    const bool only = od_cpu_conv_is_by_loops(device);
    snprintf(device->description, sizeof device->description, "bfloat16 loops %s%s%s",
             device->loops->name, only ? "" : ", convolutions ", only ? "" : library);
}

static od_status cpu_open(const od_device_options *options, od_device **out, od_error *error) {
    OD_TRY(od_host_check_options(options, error));
    const char *name = options != NULL ? options->blas : NULL;
    const od_cpu_blas *blas = find_blas(name);
    if (blas == NULL) {
        return od_error_set(error, OD_E_UNSUPPORTED,
                            "blas is '%s', which this build is without; give openblas or configure "
                            "again with it installed",
                            name);
    }
    od_device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for a device");
    }
    device->threads = options != NULL ? options->threads : 1;
    device->precision = options != NULL ? options->precision : OD_PRECISION_FP32;
    device->blas = blas;
    device->loops = od_cpu_loops_best();
    describe(device);
    *out = device;
    return OD_OK;
}

static void cpu_close(od_device *device) {
    if (device != NULL) {
        if (device->blas->conv_free != NULL) {
            device->blas->conv_free(device->convolutions);
        }
        free(device->scratch);
        free(device);
    }
}

static const char *cpu_describe(const od_device *device) {
    return device->description;
}

static od_status cpu_sync(od_device *device, od_error *error) {
    const char *failure = atomic_exchange(&device->failure, NULL);
    return failure == NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "%s", failure);
}

void od_cpu_fail(od_device *device, const char *text) {
    const char *none = NULL;
    atomic_compare_exchange_strong(&device->failure, &none, text);
}

float *od_cpu_scratch(od_device *device, size_t floats) {
    if (floats > device->scratch_floats) {
        size_t rounded = (floats + ALIGNMENT_FLOATS - 1) / ALIGNMENT_FLOATS * ALIGNMENT_FLOATS;
        free(device->scratch);
        device->scratch_floats = 0;
        device->scratch =
            aligned_alloc(ALIGNMENT_BYTES, rounded * sizeof(float) * (size_t)device->threads);
        if (device->scratch == NULL) {
            od_cpu_fail(device,
                        "no memory for a kernel's scratch; take fewer threads or a smaller batch");
            return NULL;
        }
        device->scratch_floats = rounded;
    }
    return device->scratch;
}

float *od_cpu_shared_scratch(od_device *device, size_t floats) {
    const size_t threads = (size_t)device->threads;
    return od_cpu_scratch(device, (floats + threads - 1) / threads);
}

#define MEMBER(name) .name = od_cpu_##name,
const od_backend od_backend_cpu = {.name = "cpu",
                                   .open = cpu_open,
                                   .close = cpu_close,
                                   .describe = cpu_describe,
                                   .alloc = od_host_alloc,
                                   .free = od_host_free,
                                   .upload = od_host_upload,
                                   .download = od_host_download,
                                   .zero = od_host_zero,
                                   .sync = cpu_sync,
                                   OD_KERNEL_MAP(MEMBER)};
#undef MEMBER
