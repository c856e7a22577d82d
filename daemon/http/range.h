// SPDX-License-Identifier: Apache-2.0
// The Range header (RFC 9110, 14.2) for one range of bytes.
#ifndef OD_HTTP_RANGE_H
#define OD_HTTP_RANGE_H

#include <stdint.h>

typedef enum od_range_kind {
    OD_RANGE_WHOLE, // no header, or one to be ignored: another unit, several ranges, malformed
    OD_RANGE_PART,  // 206
    OD_RANGE_UNSATISFIABLE, // 416
} od_range_kind;

typedef struct od_range {
    uint64_t first;
    uint64_t size; // bytes from first on; of the whole when the kind is OD_RANGE_WHOLE
} od_range;

// header may be NULL; total is the size of the file.
od_range_kind od_range_parse(const char *header, uint64_t total, od_range *out);

#endif
