// SPDX-License-Identifier: Apache-2.0
// IDX files of unsigned bytes, as MNIST has them: two zero bytes, 0x08, the number of dimensions,
// each dimension as a big-endian u32, then the values. Plain, or the same in gzip.
#ifndef OD_CORE_DATA_IDX_H
#define OD_CORE_DATA_IDX_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { OD_IDX_MAX_RANK = 4 };

typedef struct od_idx {
    int64_t count;  // the first dimension
    uint8_t *bytes; // [count, shape...]; free() it
} od_idx;

// Reads the whole of path, whose dimensions must be [any, shape[0], ..., shape[rank - 2]].
// OD_E_CORRUPT says what was expected and what is there: no regular file, a header that is
// truncated or of another kind, fewer or more bytes than the header promises, a broken gzip
// stream. Memory is taken only for what the file can really hold.
od_status od_idx_read(const char *path, int rank, const int64_t *shape, od_idx *out,
                      od_error *error) OD_MUST_CHECK;

// The first dimension alone, of a file that od_idx_read would take: it is read to its end, checksum
// included, or was so earlier in this version (core/data/sound.h).
od_status od_idx_check(const char *path, int rank, const int64_t *shape, int64_t *out,
                       od_error *error) OD_MUST_CHECK;

#endif
