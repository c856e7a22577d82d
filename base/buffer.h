// SPDX-License-Identifier: Apache-2.0
// A growing run of bytes, for text and files of unknown size.
#ifndef OD_BASE_BUFFER_H
#define OD_BASE_BUFFER_H

#include "base/status.h"

#include <stddef.h>

typedef struct od_buffer {
    char *data;      // size bytes and a NUL; NULL before the first append
    size_t size;     // bytes without the NUL
    size_t capacity; // bytes allocated
} od_buffer;

// {0} is an empty buffer. All return OD_E_NO_MEMORY and leave the buffer as it was on failure.
od_status od_buffer_reserve(od_buffer *buffer, size_t more) OD_MUST_CHECK;
od_status od_buffer_append(od_buffer *buffer, const void *bytes, size_t size) OD_MUST_CHECK;
od_status od_buffer_append_text(od_buffer *buffer, const char *text) OD_MUST_CHECK;
od_status od_buffer_printf(od_buffer *buffer, const char *format, ...) OD_MUST_CHECK
    __attribute__((format(printf, 2, 3)));

// Hands the bytes to the caller, who frees them; the buffer is empty again. Never NULL on an
// appended buffer.
char *od_buffer_take(od_buffer *buffer);
void od_buffer_fini(od_buffer *buffer);

#endif
