// SPDX-License-Identifier: Apache-2.0
// Chooses the level of the instruction set.
#include "config.h"

#include "core/backend/cpu/loops/loops.h"

const od_cpu_loops *od_cpu_loops_best(void) {
#ifdef HAVE_X86_64_LEVELS
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    bool v4b = v4 && __builtin_cpu_supports("avx512bf16");
    return v4b  ? &od_cpu_loops_v4b
           : v4 ? &od_cpu_loops_v4
           : v3 ? &od_cpu_loops_v3
                : &od_cpu_loops_base;
#else
    return &od_cpu_loops_base;
#endif
}
