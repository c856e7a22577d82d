// SPDX-License-Identifier: Apache-2.0
// Finds the row of a route table for a path.
#ifndef OD_HTTP_ROUTER_H
#define OD_HTTP_ROUTER_H

#include "daemon/http/http.h"

enum { OD_ROUTER_ALLOW_BYTES = 64 };

// The row for method and path segments, or NULL. *methods gets the set of methods that rows for
// this path have (HEAD and OPTIONS included), 0 when there is no such path. A row with "*" is
// looked at only when no other row has the path.
const od_route *od_router_find(const od_route *routes, size_t count, od_method method,
                               const char *const *segments, size_t segment_count,
                               unsigned *methods);

// "GET, HEAD, OPTIONS" for a set of methods; returns out.
char *od_router_allow(char out[OD_ROUTER_ALLOW_BYTES], unsigned methods);

// OD_METHOD_OTHER for a name it does not know.
od_method od_router_method(const char *name);

// Whether name is in a list of names parted by spaces; list may be NULL.
bool od_router_listed(const char *list, const char *name);

#endif
