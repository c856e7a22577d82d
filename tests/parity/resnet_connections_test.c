// SPDX-License-Identifier: Apache-2.0
// Every connection with either optimizer.
#include "tests/parity/resnet_run.h"

static const resnet_case cases[] = {
    {"resnet18-linear-sgd", 1, false},   {"resnet18-linear-adam", 1, false},
    {"resnet18-negative-sgd", 1, false}, {"resnet18-negative-adam", 1, false},
    {"resnet18-feature-sgd", 1, false},  {"resnet18-feature-adam", 1, false},
    {"resnet18-global-sgd", 1, false},   {"resnet18-global-adam", 1, false},
};

int main(void) {
    return resnet_run_cases("resnet connections", cases, sizeof cases / sizeof *cases);
}
