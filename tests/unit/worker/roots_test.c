// SPDX-License-Identifier: Apache-2.0
#include "worker/roots.h"

#include "tests/unit/scratch.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static od_error error;
static char resolved[PATH_MAX];

static od_status resolve(const char *path) {
    return od_roots_resolve(OD_ROOTS_DATA, path, resolved, sizeof resolved, &error);
}

typedef struct world {
    char root[SCRATCH_PATH_BYTES], inner[SCRATCH_PATH_BYTES], outer[SCRATCH_PATH_BYTES];
    char text[SCRATCH_PATH_BYTES + 64];
} world;

// root/inner and outer, and links between them.
static world make(void **state) {
    world w;
    char link[SCRATCH_PATH_BYTES];
    od_roots_clear();
    mkdir(scratch_path(w.root, *state, "root"), 0755);
    mkdir(scratch_path(w.inner, *state, "root/inner"), 0755);
    mkdir(scratch_path(w.outer, *state, "outer"), 0755);
    assert_int_equal(symlink(w.outer, scratch_path(link, *state, "root/out")), 0);
    assert_int_equal(symlink("inner", scratch_path(link, *state, "root/in")), 0);
    assert_int_equal(symlink(w.root, scratch_path(link, *state, "alias")), 0);
    return w;
}

static const char *below(world *w, const char *folder, const char *rest) {
    snprintf(w->text, sizeof w->text, "%s%s", folder, rest);
    return w->text;
}

static void without_roots_everything_passes(void **state) {
    (void)state;
    od_roots_clear();
    assert_int_equal(resolve("/etc/passwd"), OD_OK);
    assert_string_equal(resolved, "/etc/passwd");
}

static void what_is_beneath_a_root_passes(void **state) {
    world w = make(state);
    char alias[SCRATCH_PATH_BYTES];
    assert_int_equal(od_roots_add(OD_ROOTS_DATA, "/nonexistent", &error), OD_OK);
    assert_int_equal(od_roots_add(OD_ROOTS_DATA, scratch_path(alias, *state, "alias/"), &error),
                     OD_OK);
    static const char *const paths[] = {"", "/", "/inner", "/inner/", "/in", "/./inner/../in"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(resolve(below(&w, w.root, paths[i])), OD_OK);
        assert_string_equal(resolved, i < 2 ? w.root : w.inner);
    }
    assert_int_equal(resolve(below(&w, alias, "in")), OD_OK);
    assert_string_equal(resolved, w.inner);
    // What is not there is told by who wants to read it.
    assert_int_equal(resolve(below(&w, alias, "none")), OD_OK);
    assert_string_equal(resolved, w.text);
}

static void everything_else_is_refused_alike(void **state) {
    world w = make(state);
    char told[OD_ERROR_TEXT_BYTES];
    assert_int_equal(od_roots_add(OD_ROOTS_DATA, w.root, &error), OD_OK);
    assert_int_equal(resolve("/etc/passwd"), OD_E_INVALID);
    memcpy(told, error.text, sizeof told);
    assert_non_null(strstr(told, w.root));
    assert_non_null(strstr(told, "--data-root"));
    static const char *const paths[] = {"/out",      "/out/x",   "/..",
                                        "/../outer", "/../none", "/inner/../../x",
                                        "x",         "-other",   "/none/../../outer"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (resolve(below(&w, w.root, paths[i])) != OD_E_INVALID && i != 1) {
            fail_msg("%s passed", paths[i]);
        }
    }
    static const char *const others[] = {
        "/", "/none", "/proc/self/root/etc", "/proc/self/cwd", "/dev/fd/0", "/etc/none/x"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(resolve(others[i]), OD_E_INVALID);
        assert_string_equal(error.text, told);
    }
    // The kinds are apart.
    assert_int_equal(
        od_roots_resolve(OD_ROOTS_CHECKPOINT, "/etc", resolved, sizeof resolved, &error), OD_OK);
}

static void a_root_begins_with_a_slash(void **state) {
    (void)state;
    od_roots_clear();
    assert_int_equal(od_roots_add(OD_ROOTS_DATA, "data", &error), OD_E_INVALID);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_roots_everything_passes),
        TEST(what_is_beneath_a_root_passes),
        TEST(everything_else_is_refused_alike),
        TEST(a_root_begins_with_a_slash),
    };
    return cmocka_run_group_tests_name("roots", tests, NULL, NULL);
}
