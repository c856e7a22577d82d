// SPDX-License-Identifier: Apache-2.0
#include "worker/roots.h"

#include "base/buffer.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *paths[OD_ROOTS_MAX];
    size_t count;
} roots[OD_ROOTS_KINDS];

static const char *const what[] = {[OD_ROOTS_DATA] = "data", [OD_ROOTS_CHECKPOINT] = "weights"};

od_status od_roots_add(od_roots_kind kind, const char *path, od_error *error) {
    if (*path != '/') {
        return od_error_set(error, OD_E_INVALID, "%s: must begin with a slash", path);
    }
    if (roots[kind].count == OD_ROOTS_MAX) {
        return od_error_set(error, OD_E_INVALID, "more than %d folders", OD_ROOTS_MAX);
    }
    roots[kind].paths[roots[kind].count++] = path;
    return OD_OK;
}

void od_roots_clear(void) {
    memset(roots, 0, sizeof roots);
}

static bool is_beneath(const char *path, const char *root) {
    size_t length = strlen(root);
    while (length > 0 && root[length - 1] == '/') {
        length--;
    }
    return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

// As text: a segment ".." could lead anywhere.
static bool would_be_beneath(od_roots_kind kind, const char *path) {
    for (const char *at = path; (at = strstr(at, "/..")) != NULL; at++) {
        if (at[3] == '/' || at[3] == '\0') {
            return false;
        }
    }
    for (size_t i = 0; i < roots[kind].count; i++) {
        if (is_beneath(path, roots[kind].paths[i])) {
            return true;
        }
    }
    return false;
}

static bool really_is_beneath(od_roots_kind kind, const char *real) {
    char root[PATH_MAX];
    for (size_t i = 0; i < roots[kind].count; i++) {
        if (realpath(roots[kind].paths[i], root) != NULL && is_beneath(real, root)) {
            return true;
        }
    }
    return false;
}

static od_status refuse(od_roots_kind kind, od_error *error) {
    od_buffer list = {0};
    od_status status = OD_OK;
    for (size_t i = 0; i < roots[kind].count && status == OD_OK; i++) {
        status = od_buffer_printf(&list, "%s%s", i > 0 ? ", " : "", roots[kind].paths[i]);
    }
    od_error_set(error, OD_E_INVALID,
                 "is in none of the folders that this server reads %s from: %s; put it there, or "
                 "have the server's --%s-root name its folder",
                 what[kind], status == OD_OK ? list.data : "(out of memory)",
                 kind == OD_ROOTS_DATA ? "data" : "checkpoint");
    od_buffer_fini(&list);
    return OD_E_INVALID;
}

od_status od_roots_resolve(od_roots_kind kind, const char *path, char *out, size_t size,
                           od_error *error) {
    char real[PATH_MAX];
    const char *found = path;
    if (roots[kind].count > 0) {
        found = realpath(path, real);
        if (found == NULL && would_be_beneath(kind, path)) {
            found = path;
        } else if (found == NULL || !really_is_beneath(kind, real)) {
            return refuse(kind, error);
        }
    }
    return snprintf(out, size, "%s", found) < (int)size
               ? OD_OK
               : od_error_set(error, OD_E_TOO_LARGE, "has a path that is too long");
}
