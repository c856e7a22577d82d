// SPDX-License-Identifier: Apache-2.0
// The route table and openapi.json say the same.
#include "daemon/api/routes.h"

#include "base/schemas.h"
#include "daemon/http/router.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    const od_embedded_file *file = od_embedded_find(od_schemas_embedded, "openapi.json");
    *state = file != NULL ? cJSON_Parse((const char *)file->data) : NULL;
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state) {
    cJSON_Delete(*state);
    return 0;
}

// The fallback row stands for "/" in the document.
static const char *documented_path(const od_route *route) {
    return strcmp(route->pattern, "/*") == 0 ? "/" : route->pattern;
}

static const cJSON *operation(const cJSON *document, const od_route *route) {
    char name[16];
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(document, "paths");
    const cJSON *path = cJSON_GetObjectItemCaseSensitive(paths, documented_path(route));
    unsigned methods = (unsigned)route->method;
    od_method method = methods & OD_METHOD_GET ? OD_METHOD_GET : route->method;
    char allow[OD_ROUTER_ALLOW_BYTES];
    snprintf(name, sizeof name, "%.10s", od_router_allow(allow, (unsigned)method));
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return cJSON_GetObjectItemCaseSensitive(path, name);
}

static void test_every_row_is_documented(void **state) {
    for (size_t i = 0; i < od_routes_count; i++) {
        if (operation(*state, &od_routes[i]) == NULL) {
            fail_msg("%s is not in openapi.json", od_routes[i].pattern);
        }
    }
}

static const od_route *find_row(const char *path, const char *method) {
    for (size_t i = 0; i < od_routes_count; i++) {
        char upper[16];
        snprintf(upper, sizeof upper, "%s", method);
        for (char *c = upper; *c != '\0'; c++) {
            *c = (char)toupper((unsigned char)*c);
        }
        if (strcmp(documented_path(&od_routes[i]), path) == 0 &&
            ((unsigned)od_routes[i].method & (unsigned)od_router_method(upper)) != 0) {
            return &od_routes[i];
        }
    }
    return NULL;
}

static void test_every_operation_has_a_row(void **state) {
    const cJSON *path;
    const cJSON *item;
    int count = 0;
    cJSON_ArrayForEach(path, cJSON_GetObjectItemCaseSensitive(*state, "paths")) {
        cJSON_ArrayForEach(item, path) {
            if (strcmp(item->string, "parameters") == 0) {
                continue;
            }
            count++;
            if (find_row(path->string, item->string) == NULL) {
                fail_msg("%s %s has no route", item->string, path->string);
            }
        }
    }
    assert_int_equal(count, od_routes_count);
}

static bool in_query(const cJSON *parameter) {
    const char *where = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parameter, "in"));
    return where != NULL && strcmp(where, "query") == 0;
}

static size_t count_names(const char *list) {
    size_t count = list != NULL;
    for (; list != NULL && *list != '\0'; list++) {
        count += *list == ' ';
    }
    return count;
}

static void test_query_parameters_are_the_same(void **state) {
    for (size_t i = 0; i < od_routes_count; i++) {
        const od_route *route = &od_routes[i];
        const cJSON *parameters =
            cJSON_GetObjectItemCaseSensitive(operation(*state, route), "parameters");
        const cJSON *item;
        size_t count = 0;
        cJSON_ArrayForEach(item, parameters) {
            if (!in_query(item)) {
                continue;
            }
            count++;
            const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
            if (!od_router_listed(route->query, name)) {
                fail_msg("%s does not take %s", route->pattern, name);
            }
        }
        if (count != count_names(route->query)) {
            fail_msg("%s takes more than openapi.json says", route->pattern);
        }
    }
}

static void test_every_row_has_a_handler_of_its_own(void **state) {
    (void)state;
    for (size_t i = 0; i < od_routes_count; i++) {
        assert_non_null(od_routes[i].handler);
        for (size_t k = 0; k < i; k++) {
            assert_true(od_routes[i].handler != od_routes[k].handler);
        }
    }
}

// Who forgets a role for a new route gets admin's; what is open is listed here.
static void test_only_these_rows_are_open(void **state) {
    static const char open[] = "/api/v1/login /api/v1/logout /healthz /readyz /*";
    (void)state;
    for (size_t i = 0; i < od_routes_count; i++) {
        const od_route *route = &od_routes[i];
        bool is_open = od_router_listed(open, route->pattern);
        if ((route->role == OD_ROLE_NONE) != is_open) {
            fail_msg("%s is open, or should be", route->pattern);
        }
        if (!is_open && route->method != OD_METHOD_GET) {
            assert_true(route->role <=
                        (route->method == OD_METHOD_DELETE ? OD_ROLE_ADMIN : OD_ROLE_SUBMIT));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_documented),
        cmocka_unit_test(test_every_operation_has_a_row),
        cmocka_unit_test(test_query_parameters_are_the_same),
        cmocka_unit_test(test_every_row_has_a_handler_of_its_own),
        cmocka_unit_test(test_only_these_rows_are_open),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
