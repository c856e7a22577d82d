// SPDX-License-Identifier: Apache-2.0
// The deeper networks, and bottlenecks.
#include "tests/parity/resnet_run.h"

static const resnet_case cases[] = {
    {"resnet50-feature-sgd", 1, false},
    {"resnet34-feature-adam", 2, false},
    {"resnet101-global-sgd", 1, false},
    {"resnet152-linear-adam", 1, false},
};

int main(void) {
    return resnet_run_cases("resnet depths", cases, sizeof cases / sizeof *cases);
}
