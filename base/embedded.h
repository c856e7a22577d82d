// SPDX-License-Identifier: Apache-2.0
// Files compiled into the programs by build-aux/embed. A table ends with a row of NULLs.
#ifndef OD_BASE_EMBEDDED_H
#define OD_BASE_EMBEDDED_H

#include <stddef.h>

typedef struct od_embedded_file {
    const char *name;          // path below the embedded folder, "job.schema.json"
    const unsigned char *data; // size bytes, then a NUL that size does not count
    size_t size;
} od_embedded_file;

// The row called name, or NULL.
const od_embedded_file *od_embedded_find(const od_embedded_file *table, const char *name);

#endif
