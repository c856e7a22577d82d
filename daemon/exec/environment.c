// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A name, or the beginning of names when it ends with '*'.
static const char *const allowed[] = {
    "PATH",
    "HOME",
    "LANG",
    "LC_*",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "OPENBLAS_*",
    "DNNL_*",
    "ONEDNN_*",
    "OMP_*",
    "CUDA_*",
    "NVIDIA_*",
    "ASAN_OPTIONS",
    "UBSAN_OPTIONS",
    "LSAN_OPTIONS",
    "XDG_CACHE_HOME",
    "CACHE_DIRECTORY",
    "GOMP_*",
};

// How long libgomp's threads spin at a barrier before they sleep. Its own 300,000 rounds (some
// milliseconds) are wasted whenever another program has the core that the last thread waits for;
// 10,000 still cover every gap between the parallel loops of a step.
static char spin_count[] = "GOMP_SPINCOUNT=10000";

static bool matches(const char *pattern, const char *variable) {
    size_t length = strlen(pattern);
    return pattern[length - 1] == '*'
               ? strncmp(pattern, variable, length - 1) == 0
               : strncmp(pattern, variable, length) == 0 && variable[length] == '=';
}

static bool is_allowed(const char *variable) {
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (matches(allowed[i], variable)) {
            return true;
        }
    }
    return false;
}

void od_environment_for_workers(char *out[OD_ENVIRONMENT_MAX]) {
    size_t count = 0;
    if (getenv("OMP_WAIT_POLICY") == NULL && getenv("GOMP_SPINCOUNT") == NULL) {
        out[count++] = spin_count;
    }
    for (char **variable = environ; *variable != NULL && count < OD_ENVIRONMENT_MAX - 1;
         variable++) {
        if (is_allowed(*variable)) {
            out[count++] = *variable;
        }
    }
    out[count] = NULL;
}

void od_environment_add_options(char **arguments, size_t count, const char *const *options) {
    size_t i = 0;
    for (; options != NULL && options[i] != NULL && i < OD_WORKER_OPTIONS_MAX - 1; i++) {
        arguments[count + i] = (char *)(uintptr_t)options[i]; // execve's prototype has no const
    }
    arguments[count + i] = NULL;
}
