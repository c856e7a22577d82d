// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

int od_test_cpus(od_test_cpu out[OD_TEST_MOST_CPUS]) {
    int count = 0;
    out[count++] = (od_test_cpu){NULL, "openblas", 1};
    out[count++] = (od_test_cpu){NULL, "openblas", 2};
#ifdef HAVE_ONEDNN
    out[count++] = (od_test_cpu){NULL, "onednn", 1};
    out[count++] = (od_test_cpu){NULL, "onednn", 2};
#endif
#ifdef HAVE_X86_64_LEVELS
    if (od_cpu_loops_best() == &od_cpu_loops_v4) {
        out[count++] = (od_test_cpu){&od_cpu_loops_v3, NULL, 1};
    }
#endif
    out[count++] = (od_test_cpu){&od_cpu_loops_base, NULL, 3};
    return count;
}

od_device *od_test_open_cpu(const od_test_cpu *cpu) {
    od_device_options options = {.threads = cpu->threads, .blas = cpu->blas};
    od_device *device = NULL;
    assert_int_equal(od_backend_cpu.open(&options, &device, NULL), OD_OK);
    device->loops = cpu->loops != NULL ? cpu->loops : device->loops;
    return device;
}

void od_test_fill(float *values, int64_t count, float factor, uint32_t seed) {
    uint32_t state = seed * 2654435761u + 12345u;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (2 * ((float)(state >> 8) / 16777216.0f) - 1) * factor;
    }
}
