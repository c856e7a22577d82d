// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

od_status od_buffer_reserve(od_buffer *buffer, size_t more) {
    if (more >= SIZE_MAX / 2 - buffer->size) {
        return OD_E_NO_MEMORY;
    }
    size_t need = buffer->size + more + 1;
    if (need <= buffer->capacity) {
        return OD_OK;
    }
    size_t capacity = buffer->capacity * 2 > need ? buffer->capacity * 2 : need;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        return OD_E_NO_MEMORY;
    }
    data[buffer->size] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
    return OD_OK;
}

od_status od_buffer_append(od_buffer *buffer, const void *bytes, size_t size) {
    OD_TRY(od_buffer_reserve(buffer, size));
    if (size > 0) {
        memcpy(buffer->data + buffer->size, bytes, size);
    }
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return OD_OK;
}

od_status od_buffer_append_text(od_buffer *buffer, const char *text) {
    return od_buffer_append(buffer, text, strlen(text));
}

od_status od_buffer_printf(od_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return OD_E_INVALID;
    }
    OD_TRY(od_buffer_reserve(buffer, (size_t)length));
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
    return OD_OK;
}

char *od_buffer_take(od_buffer *buffer) {
    char *data = buffer->data;
    *buffer = (od_buffer){0};
    return data;
}

void od_buffer_fini(od_buffer *buffer) {
    free(buffer->data);
    *buffer = (od_buffer){0};
}
