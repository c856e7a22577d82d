// SPDX-License-Identifier: Apache-2.0
#include "daemon/exec/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// What a worker would see of a variable, or NULL; it must be there once at most.
static const char *seen(const char *name) {
    char *environment[OD_ENVIRONMENT_MAX];
    const char *found = NULL;
    size_t length = strlen(name);
    od_environment_for_workers(environment);
    for (char **variable = environment; *variable != NULL; variable++) {
        if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=') {
            assert_null(found);
            found = *variable + length + 1;
        }
    }
    return found;
}

static void only_what_is_listed_is_handed_on(void **state) {
    (void)state;
    setenv("OD_TEST_SECRET", "x", 1);
    setenv("PATHS", "x", 1);
    setenv("OMP_STACKSIZE", "8M", 1);
    assert_null(seen("OD_TEST_SECRET"));
    assert_null(seen("PATHS"));
    assert_string_equal(seen("OMP_STACKSIZE"), "8M");
    assert_string_equal(seen("PATH"), getenv("PATH"));
}

static void threads_spin_for_a_short_time_unless_told_otherwise(void **state) {
    (void)state;
    unsetenv("OMP_WAIT_POLICY");
    unsetenv("GOMP_SPINCOUNT");
    assert_string_equal(seen("GOMP_SPINCOUNT"), "10000");
    setenv("GOMP_SPINCOUNT", "7", 1);
    assert_string_equal(seen("GOMP_SPINCOUNT"), "7");
    unsetenv("GOMP_SPINCOUNT");
    setenv("OMP_WAIT_POLICY", "active", 1);
    assert_null(seen("GOMP_SPINCOUNT"));
    assert_string_equal(seen("OMP_WAIT_POLICY"), "active");
    unsetenv("OMP_WAIT_POLICY");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_listed_is_handed_on),
        cmocka_unit_test(threads_spin_for_a_short_time_unless_told_otherwise),
    };
    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
