// SPDX-License-Identifier: Apache-2.0
// What went wrong, for a person: the cause, the value and the remedy in one line.
#ifndef OD_BASE_ERROR_H
#define OD_BASE_ERROR_H

#include "base/status.h"

#include <stdarg.h>

enum { OD_ERROR_TEXT_BYTES = 1024 };

typedef struct od_error {
    od_status status;
    char text[OD_ERROR_TEXT_BYTES]; // NUL-terminated, one line, cut when longer
} od_error;

// Fills error (which may be NULL) and returns status, so that a function can end with
//   return od_error_set(error, OD_E_INVALID, "epochs is %d; give 1 or more", epochs);
od_status od_error_set(od_error *error, od_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The same with ": strerror(errnum)" behind the text; the status is OD_E_NO_MEMORY for ENOMEM,
// OD_E_NOT_FOUND for ENOENT, OD_E_EXISTS for EEXIST, OD_E_FULL for ENOSPC and EDQUOT, else OD_E_IO.
od_status od_error_set_errno(od_error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Static analysis sees no other file, and has to be told that these never return OD_OK.
#ifdef __clang_analyzer__
#define od_error_set(error, status, ...) (od_error_set((error), (status), __VA_ARGS__), (status))
#define od_error_set_errno(...) (od_error_set_errno(__VA_ARGS__), OD_E_IO)
#endif

// Puts "text: " in front of what error already says. Returns error->status.
od_status od_error_prefix(od_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
