// SPDX-License-Identifier: Apache-2.0
// Idempotency keys.
#ifndef OD_CLI_KEY_H
#define OD_CLI_KEY_H

#include "base/error.h"

enum { OD_KEY_BYTES = 48 };

// A random key, "orthoctl-" and 32 hexadecimal digits.
od_status od_key_make(char out[OD_KEY_BYTES], od_error *error) OD_MUST_CHECK;

#endif
