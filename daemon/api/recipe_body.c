// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/recipe_body.h"

#include "daemon/http/problem.h"
#include "daemon/http/router.h"

// NULL stands for "no memory".
static od_response *refusal(const od_request *request, od_status status, const od_error *error) {
    if (status == OD_E_NO_MEMORY) {
        return NULL;
    }
    return od_problem_new(
        request, status == OD_E_TOO_LARGE ? OD_PROBLEM_TOO_LARGE : OD_PROBLEM_MALFORMED_YAML, NULL,
        "%s", error->text);
}

// Adds a fault for each parameter that is no option.
static od_status override_all(const od_request *request, const char *own, od_recipe *recipe,
                              od_faults *faults) {
    const char *name;
    const char *value;
    for (size_t i = 0; od_request_parameter(request, i, &name, &value); i++) {
        if (od_router_listed(own, name)) {
            continue;
        }
        if (od_recipe_has_option(name)) {
            OD_TRY(od_recipe_override(recipe, name, value));
        } else {
            OD_TRY(od_faults_add(faults, name, "is no parameter of this route and no option"));
        }
    }
    return OD_OK;
}

bool od_api_recipe(od_request *request, const char *own, od_recipe **out) {
    size_t size = 0;
    const char *text = od_request_body(request, &size);
    od_error error = {0};
    od_faults faults = {0};
    od_recipe *recipe = NULL;
    od_response *response = NULL;
    od_status status = od_recipe_new(text, size, &recipe, &error);
    if (status != OD_OK) {
        od_request_answer(request, refusal(request, status, &error));
        return false;
    }
    status = override_all(request, own, recipe, &faults);
    if (status == OD_OK && faults.count == 0) {
        *out = recipe;
        return true;
    }
    if (status == OD_OK) {
        response = od_problem_new(request, OD_PROBLEM_INVALID_PARAMETER, &faults, "%s %s",
                                  faults.items[0].pointer, faults.items[0].detail);
    }
    od_faults_fini(&faults);
    od_recipe_free(recipe);
    od_request_answer(request, response);
    return false;
}
