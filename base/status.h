// SPDX-License-Identifier: Apache-2.0
// The one status type. A function that can fail returns OD_OK (0) or a negative od_status and
// tells a person more in the caller's od_error (base/error.h).
#ifndef OD_BASE_STATUS_H
#define OD_BASE_STATUS_H

// name, text
#define OD_STATUS_MAP(X)                           \
    X(OD_E_INVALID, "invalid value")               \
    X(OD_E_SYNTAX, "malformed input")              \
    X(OD_E_NOT_FOUND, "not found")                 \
    X(OD_E_EXISTS, "already exists")               \
    X(OD_E_CONFLICT, "not possible in this state") \
    X(OD_E_STALE, "changed meanwhile")             \
    X(OD_E_UNSUPPORTED, "not supported")           \
    X(OD_E_TOO_LARGE, "too large")                 \
    X(OD_E_CORRUPT, "corrupt data")                \
    X(OD_E_IO, "input/output error")               \
    X(OD_E_FULL, "no space left")                  \
    X(OD_E_NO_MEMORY, "out of memory")             \
    X(OD_E_BUSY, "busy")                           \
    X(OD_E_NON_FINITE, "non-finite value")         \
    X(OD_E_DATABASE, "database error")             \
    X(OD_E_DEVICE, "device error")                 \
    X(OD_E_INTERNAL, "internal error")

enum od_status_index {
    OD_STATUS_INDEX_NONE,
#define X(name, text) OD_STATUS_INDEX_##name,
    OD_STATUS_MAP(X)
#undef X
};

typedef enum od_status {
    OD_OK = 0,
#define X(name, text) name = -OD_STATUS_INDEX_##name,
    OD_STATUS_MAP(X)
#undef X
} od_status;

#define OD_MUST_CHECK __attribute__((warn_unused_result))

// Hands a failure up to the caller. Only where nothing has to be undone.
#define OD_TRY(expression)                       \
    do {                                         \
        od_status od_try_status_ = (expression); \
        if (od_try_status_ != OD_OK) {           \
            return od_try_status_;               \
        }                                        \
    } while (0)

// "invalid value" for OD_E_INVALID; "ok" for OD_OK.
const char *od_status_text(od_status status);

#endif
