// SPDX-License-Identifier: Apache-2.0
// What a server lets specs name: data sets beneath the folders of one kind, weights beneath those of
// the other. The folders are set once by the command line, like a umask, before a spec is read.
// Without any of a kind, a spec may name whatever this user may read.
//
// Links are followed first and the place where they lead is compared, and read from then on. What
// lies beneath a root is trusted as far as its owners are: who may write there may link out of it.
#ifndef OD_WORKER_ROOTS_H
#define OD_WORKER_ROOTS_H

#include "base/error.h"

#include <stddef.h>

typedef enum od_roots_kind {
    OD_ROOTS_DATA,
    OD_ROOTS_CHECKPOINT,
    OD_ROOTS_KINDS,
} od_roots_kind;

enum { OD_ROOTS_MAX = 32 };

// path is kept, not copied. OD_E_INVALID: it does not begin with a slash, or there are too many.
od_status od_roots_add(od_roots_kind kind, const char *path, od_error *error) OD_MUST_CHECK;

// Where path really is. OD_E_INVALID: beneath no root, which error names; it says the same whether
// there is such a file or not. What is not there, but would be beneath a root, is left as it is.
od_status od_roots_resolve(od_roots_kind kind, const char *path, char *out, size_t size,
                           od_error *error) OD_MUST_CHECK;

// Forgets all of them, for tests.
void od_roots_clear(void);

#endif
