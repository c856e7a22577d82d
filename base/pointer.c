// SPDX-License-Identifier: Apache-2.0
#include "base/pointer.h"

od_status od_pointer_push(od_buffer *pointer, const char *name) {
    OD_TRY(od_buffer_append(pointer, "/", 1));
    for (; *name != '\0'; name++) {
        const char *escape = *name == '~' ? "~0" : *name == '/' ? "~1" : NULL;
        OD_TRY(escape != NULL ? od_buffer_append(pointer, escape, 2)
                              : od_buffer_append(pointer, name, 1));
    }
    return OD_OK;
}

void od_pointer_cut(od_buffer *pointer, size_t size) {
    pointer->size = size;
    pointer->data[size] = '\0';
}
