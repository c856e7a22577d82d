// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(od_buffer *tar, const void *bytes, size_t size) {
    if (od_buffer_append(tar, bytes, size) != OD_OK) {
        abort();
    }
}

void archive_seal(od_buffer *tar, size_t offset) {
    unsigned char *header = (unsigned char *)tar->data + offset;
    unsigned sum = 0;
    char text[8];
    memset(header + 148, ' ', 8);
    for (int i = 0; i < ARCHIVE_BLOCK; i++) {
        sum += header[i];
    }
    snprintf(text, sizeof text, "%06o", sum & 0777777);
    memcpy(header + 148, text, 7);
}

void archive_add(od_buffer *tar, char type, const char *name, const void *data, size_t size) {
    static const char zeros[ARCHIVE_BLOCK];
    char header[ARCHIVE_BLOCK] = {0};
    size_t at = tar->size;
    memcpy(header, name, strnlen(name, 100));
    snprintf(header + 100, 8, "%07o", 0644U);
    snprintf(header + 124, 12, "%011zo", size);
    header[156] = type;
    memcpy(header + 257, "ustar\00000", 8);
    append(tar, header, sizeof header);
    archive_seal(tar, at);
    append(tar, data, size);
    append(tar, zeros, (ARCHIVE_BLOCK - size % ARCHIVE_BLOCK) % ARCHIVE_BLOCK);
}

void archive_end(od_buffer *tar) {
    static const char zeros[2 * ARCHIVE_BLOCK];
    append(tar, zeros, sizeof zeros);
}
