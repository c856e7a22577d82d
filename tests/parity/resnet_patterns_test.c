// SPDX-License-Identifier: Apache-2.0
// Every pattern with either optimizer, chosen blocks, drawn connections and noise.
#include "tests/parity/resnet_run.h"

static const resnet_case cases[] = {
    {"resnet18-accumulate", 1, false},
    {"resnet18-drawn", 1, false},
    {"resnet18-rezero-linear-sgd", 1, false},
    {"resnet18-rezero-feature-adam", 1, false},
    {"resnet18-rezero_constrained-feature-sgd", 1, false},
    {"resnet18-rezero_constrained-linear-adam", 1, false},
    {"resnet18-rescale_stream-linear-sgd", 1, false},
    {"resnet18-rescale_stream-global-adam", 1, false},
    {"resnet18-conv1x1-global-sgd", 1, true},
    {"resnet18-conv1x1-feature-adam", 1, false},
};

int main(void) {
    return resnet_run_cases("resnet patterns", cases, sizeof cases / sizeof *cases);
}
