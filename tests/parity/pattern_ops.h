// SPDX-License-Identifier: Apache-2.0
// Tests of ops_test.c for connections with a pattern, whole samples as rows, dropping and noise.
#ifndef OD_TESTS_PARITY_PATTERN_OPS_H
#define OD_TESTS_PARITY_PATTERN_OPS_H

#include "tests/parity/bench.h"

#include "tests/parity/cmocka_headers.h"

enum { PATTERN_OPS = 21 };
extern const struct CMUnitTest pattern_ops[PATTERN_OPS];

#endif
