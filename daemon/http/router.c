// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/router.h"

#include <stdio.h>
#include <string.h>

static const struct {
    od_method method;
    const char *name;
} method_names[] = {
    {OD_METHOD_GET, "GET"},         {OD_METHOD_HEAD, "HEAD"},   {OD_METHOD_POST, "POST"},
    {OD_METHOD_PUT, "PUT"},         {OD_METHOD_PATCH, "PATCH"}, {OD_METHOD_DELETE, "DELETE"},
    {OD_METHOD_OPTIONS, "OPTIONS"},
};
enum { METHOD_COUNT = sizeof method_names / sizeof method_names[0] };

od_method od_router_method(const char *name) {
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(method_names[i].name, name) == 0) {
            return method_names[i].method;
        }
    }
    return OD_METHOD_OTHER;
}

char *od_router_allow(char out[OD_ROUTER_ALLOW_BYTES], unsigned methods) {
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (methods & (unsigned)method_names[i].method) {
            size += (size_t)snprintf(out + size, OD_ROUTER_ALLOW_BYTES - size, "%s%s",
                                     size > 0 ? ", " : "", method_names[i].name);
        }
    }
    return out;
}

bool od_router_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    while (list != NULL && length > 0) {
        size_t item = strcspn(list, " ");
        if (item == length && memcmp(list, name, length) == 0) {
            return true;
        }
        list = list[item] == ' ' ? list + item + 1 : NULL;
    }
    return false;
}

static bool part_matches(const char *part, size_t size, const char *segment) {
    if (size >= 2 && part[0] == '{' && part[size - 1] == '}') {
        return segment[0] != '\0';
    }
    return strlen(segment) == size && memcmp(part, segment, size) == 0;
}

static bool path_matches(const char *pattern, const char *const *segments, size_t count) {
    const char *part = pattern + 1; // behind the first slash
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(part, "/");
        if (size == 1 && part[0] == '*') {
            return true;
        }
        if (!part_matches(part, size, segments[i])) {
            return false;
        }
        bool pattern_ends = part[size] == '\0';
        if (pattern_ends) {
            return i + 1 == count;
        }
        part += size + 1;
    }
    return false;
}

static bool is_fallback(const od_route *route) {
    size_t length = strlen(route->pattern);
    return route->pattern[length - 1] == '*';
}

static unsigned served_methods(const od_route *route) {
    unsigned methods = (unsigned)route->method | OD_METHOD_OPTIONS;
    return methods & OD_METHOD_GET ? methods | OD_METHOD_HEAD : methods;
}

const od_route *od_router_find(const od_route *routes, size_t count, od_method method,
                               const char *const *segments, size_t segment_count,
                               unsigned *methods) {
    const od_route *found = NULL;
    *methods = 0;
    for (int fallback = 0; fallback <= 1 && *methods == 0; fallback++) {
        for (size_t i = 0; i < count; i++) {
            const od_route *route = &routes[i];
            if (is_fallback(route) != (fallback != 0) ||
                !path_matches(route->pattern, segments, segment_count)) {
                continue;
            }
            unsigned served = served_methods(route);
            // OPTIONS is answered from *methods unless a row asks for it itself.
            bool own = method != OD_METHOD_OPTIONS || (route->method & OD_METHOD_OPTIONS) != 0;
            if (found == NULL && own && (served & (unsigned)method) != 0) {
                found = route;
            }
            *methods |= served;
        }
    }
    return found;
}
