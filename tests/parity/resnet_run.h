// SPDX-License-Identifier: Apache-2.0
// Training runs of whole ResNets against PyTorch's (resnet_cases.py): the same images, the same start
// weights, the same steps; then losses, gradient norms, statistics, evaluation, running statistics
// and the final weights are compared. The cases are dealt to several programs, which run at once.
#ifndef OD_TESTS_PARITY_RESNET_RUN_H
#define OD_TESTS_PARITY_RESNET_RUN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct resnet_case {
    const char *name; // data/NAME.json
    // More than one wait for each other longer than they compute: for a case or two.
    int threads;
    bool everywhere; // on all libraries of the cpu backend, not only on the first
} resnet_case;

// For main() to return: 0 when every run agrees.
int resnet_run_cases(const char *name, const resnet_case *cases, size_t count);

#endif
