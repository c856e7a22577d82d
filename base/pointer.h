// SPDX-License-Identifier: Apache-2.0
// JSON pointers (RFC 6901) that grow and shrink while a document is walked.
#ifndef OD_BASE_POINTER_H
#define OD_BASE_POINTER_H

#include "base/buffer.h"

// Appends "/NAME" with "~" as "~0" and "/" as "~1".
od_status od_pointer_push(od_buffer *pointer, const char *name) OD_MUST_CHECK;

// Cuts the pointer back to the size it had before a push.
void od_pointer_cut(od_buffer *pointer, size_t size);

#endif
