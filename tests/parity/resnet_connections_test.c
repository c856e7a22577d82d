// SPDX-License-Identifier: Apache-2.0
// Every connection with either optimizer, and in bfloat16 by oneDNN and by the loops.
#include "tests/parity/resnet_run.h"

static const resnet_case cases[] = {
    {"resnet18-linear-sgd", 1, false},     {"resnet18-linear-adam", 1, false},
    {"resnet18-negative-sgd", 1, false},   {"resnet18-negative-adam", 1, false},
    {"resnet18-feature-sgd", 1, false},    {"resnet18-feature-adam", 1, false},
    {"resnet18-global-sgd", 1, false},     {"resnet18-global-adam", 1, false},
    {"resnet18-bf16-linear-sgd", 1, true}, {"resnet18-bf16-feature-adam", 1, true},
};

int main(void) {
    return resnet_run_cases("resnet connections", cases, sizeof cases / sizeof *cases);
}
