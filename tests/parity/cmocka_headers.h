// SPDX-License-Identifier: Apache-2.0
// cmocka.h and the four headers that it wants in front of it.
#ifndef OD_TESTS_PARITY_CMOCKA_HEADERS_H
#define OD_TESTS_PARITY_CMOCKA_HEADERS_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#endif
