// SPDX-License-Identifier: Apache-2.0
// All routes of the server; docs/api.md says what they do and openapi.json how they look.
#ifndef OD_API_ROUTES_H
#define OD_API_ROUTES_H

#include "daemon/http/http.h"

extern const od_route od_routes[];
extern const size_t od_routes_count;

#endif
