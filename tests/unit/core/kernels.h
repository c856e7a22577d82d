// SPDX-License-Identifier: Apache-2.0
// What the tests of kernels share: numbers to compute with, and the devices to compute on.
#ifndef OD_TESTS_UNIT_CORE_KERNELS_H
#define OD_TESTS_UNIT_CORE_KERNELS_H

#include "config.h"

#include "core/backend/cpu/cpu.h"

#include <stdint.h>

// One way to run the cpu backend on this machine.
typedef struct od_test_cpu {
    const od_cpu_loops *loops; // NULL: what the device chooses
    const char *blas;
    int threads;
    od_precision precision;
} od_test_cpu;

enum { OD_TEST_MOST_CPUS = 10 };

// Both libraries for matrix products with one and two threads, and the levels of the instruction
// set below this machine's own, which nothing else would run. Returns their number.
int od_test_cpus(od_test_cpu out[OD_TEST_MOST_CPUS]);

// The ways to run it in bfloat16: each level of the instruction set that this machine has.
int od_test_bf16_cpus(od_test_cpu out[OD_TEST_MOST_CPUS]);

od_device *od_test_open_cpu(const od_test_cpu *cpu);

// The same uniform numbers in [-1, 1) for the same seed, times factor.
void od_test_fill(float *values, int64_t count, float factor, uint32_t seed);

#endif
