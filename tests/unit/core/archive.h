// SPDX-License-Identifier: Apache-2.0
// Tar archives made in memory, right and wrong ones.
#ifndef OD_TESTS_UNIT_CORE_ARCHIVE_H
#define OD_TESTS_UNIT_CORE_ARCHIVE_H

#include "base/buffer.h"

#include <stdint.h>

enum { ARCHIVE_BLOCK = 512 };

// Appends a ustar header and data of size bytes, padded. type: '0' a file, '5' a folder, 'x' pax
// records, 'L' a long name...
void archive_add(od_buffer *tar, char type, const char *name, const void *data, size_t size);

// Two blocks of zeros.
void archive_end(od_buffer *tar);

// Writes the checksum of the header at offset anew, after a change.
void archive_seal(od_buffer *tar, size_t offset);

#endif
