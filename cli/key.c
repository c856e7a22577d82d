// SPDX-License-Identifier: Apache-2.0
#include "cli/key.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

od_status od_key_make(char out[OD_KEY_BYTES], od_error *error) {
    uint64_t parts[2];
    if (getrandom(parts, sizeof parts, 0) != (ssize_t)sizeof parts) {
        return od_error_set_errno(error, errno, "random numbers");
    }
    snprintf(out, OD_KEY_BYTES, "orthoctl-%016llx%016llx", (unsigned long long)parts[0],
             (unsigned long long)parts[1]);
    return OD_OK;
}
