// SPDX-License-Identifier: Apache-2.0
#ifndef OD_BASE_UTF8_H
#define OD_BASE_UTF8_H

#include <stddef.h>

// Bytes of the UTF-8 sequence at `at` (which is before end), or 0: overlong forms, surrogates,
// values beyond U+10FFFF and what is cut off by end are none.
size_t od_utf8_length(const char *at, const char *end);

#endif
