// SPDX-License-Identifier: Apache-2.0
// A request whose body is a recipe of the reference implementation (base/recipe.h).
#ifndef OD_API_RECIPE_BODY_H
#define OD_API_RECIPE_BODY_H

#include "base/recipe.h"
#include "daemon/http/http.h"

// Reads the body, and overrides its options by the query parameters that the route does not have
// itself (own: their names, parted by spaces). The caller frees *out. false: it has answered the
// request.
bool od_api_recipe(od_request *request, const char *own, od_recipe **out);

#endif
