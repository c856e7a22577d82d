// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#undef od_error_set // of static analysis
#undef od_error_set_errno

#include <errno.h>
#include <stdio.h>
#include <string.h>

od_status od_error_set(od_error *error, od_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

static od_status status_of_errno(int errnum) {
    switch (errnum) {
    case ENOMEM:
        return OD_E_NO_MEMORY;
    case ENOENT:
        return OD_E_NOT_FOUND;
    case EEXIST:
        return OD_E_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return OD_E_FULL;
    default:
        return OD_E_IO;
    }
}

od_status od_error_set_errno(od_error *error, int errnum, const char *format, ...) {
    od_status status = status_of_errno(errnum);
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
        size_t length = strlen(error->text);
        snprintf(error->text + length, sizeof error->text - length, ": %s", strerror(errnum));
    }
    return status;
}

od_status od_error_prefix(od_error *error, const char *format, ...) {
    if (error == NULL) {
        return OD_E_INTERNAL;
    }
    char old[OD_ERROR_TEXT_BYTES];
    memcpy(old, error->text, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    size_t length = strlen(error->text);
    snprintf(error->text + length, sizeof error->text - length, ": %s", old);
    return error->status;
}
