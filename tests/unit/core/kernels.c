// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

// The levels of the instruction set below this machine's own, the lowest last; base is always one.
static int levels_below_best(const od_cpu_loops *out[]) {
    int count = 0;
#ifdef HAVE_X86_64_LEVELS
    const od_cpu_loops *const best = od_cpu_loops_best();
    if (best == &od_cpu_loops_v4b) {
        out[count++] = &od_cpu_loops_v4;
    }
    if (best == &od_cpu_loops_v4b || best == &od_cpu_loops_v4) {
        out[count++] = &od_cpu_loops_v3;
    }
#endif
    out[count++] = &od_cpu_loops_base;
    return count;
}

int od_test_cpus(od_test_cpu out[OD_TEST_MOST_CPUS]) {
    int count = 0;
    out[count++] = (od_test_cpu){.blas = "openblas", .threads = 1};
    out[count++] = (od_test_cpu){.blas = "openblas", .threads = 2};
#ifdef HAVE_ONEDNN
    out[count++] = (od_test_cpu){.blas = "onednn", .threads = 1};
    out[count++] = (od_test_cpu){.blas = "onednn", .threads = 2};
#endif
    const od_cpu_loops *lower[OD_TEST_MOST_CPUS];
    const int levels = levels_below_best(lower);
    for (int i = 0; i < levels; i++) {
        out[count++] = (od_test_cpu){.loops = lower[i], .threads = i == levels - 1 ? 3 : 1};
    }
    return count;
}

int od_test_bf16_cpus(od_test_cpu out[OD_TEST_MOST_CPUS]) {
    int count = 0;
    for (int threads = 1; threads <= 3; threads++) {
        out[count++] = (od_test_cpu){.threads = threads, .precision = OD_PRECISION_BF16};
    }
    const od_cpu_loops *lower[OD_TEST_MOST_CPUS];
    const int levels = levels_below_best(lower);
    for (int i = 0; i < levels; i++) {
        out[count++] =
            (od_test_cpu){.loops = lower[i], .threads = 2, .precision = OD_PRECISION_BF16};
    }
    return count;
}

od_device *od_test_open_cpu(const od_test_cpu *cpu) {
    od_device_options options = {
        .threads = cpu->threads, .blas = cpu->blas, .precision = cpu->precision};
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
