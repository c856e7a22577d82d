// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"

enum { HEADER_BYTES = 512, MORE_THAN_SESSIONS = 300 };

typedef struct world {
    char path[SCRATCH_PATH_BYTES];
    char secret[OD_TOKEN_SECRET_BYTES];
    char bearer[HEADER_BYTES];
    od_auth *auth;
} world;

static world make(void **state) {
    world w;
    od_error error;
    snprintf(w.path, sizeof w.path, "%s/tokens", (const char *)*state);
    assert_int_equal(od_tokens_add(w.path, "a", OD_ROLE_SUBMIT, w.secret, &error), OD_OK);
    assert_int_equal(od_auth_new(w.path, &w.auth, &error), OD_OK);
    snprintf(w.bearer, sizeof w.bearer, "Bearer %s", w.secret);
    return w;
}

// The header Cookie of a new session.
static void begin_session(world *w, char cookie[OD_AUTH_COOKIE_BYTES]) {
    od_error error;
    assert_int_equal(od_auth_login(w->auth, w->secret, false, cookie, &error), OD_OK);
    cookie[strcspn(cookie, ";")] = '\0';
}

static void a_token_is_its_role(void **state) {
    world w = make(state);
    static const char *const wrong[] = {"", "Bearer", "Bearer ", "Basic YTpi", "Bearer orthod_"};
    assert_int_equal(od_auth_role(w.auth, w.bearer, NULL), OD_ROLE_SUBMIT);
    w.bearer[0] = 'b'; // the scheme's case does not matter
    assert_int_equal(od_auth_role(w.auth, w.bearer, NULL), OD_ROLE_SUBMIT);
    w.bearer[strlen(w.bearer) - 1] ^= 1;
    assert_int_equal(od_auth_role(w.auth, w.bearer, NULL), OD_ROLE_NONE);
    assert_int_equal(od_auth_role(w.auth, NULL, NULL), OD_ROLE_NONE);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(od_auth_role(w.auth, wrong[i], NULL), OD_ROLE_NONE);
    }
    od_auth_free(w.auth);
}

static void a_session_is_its_tokens_role(void **state) {
    world w = make(state);
    char cookie[OD_AUTH_COOKIE_BYTES];
    char header[HEADER_BYTES];
    char out[OD_AUTH_COOKIE_BYTES];
    begin_session(&w, cookie);
    assert_null(strstr(cookie, w.secret));
    snprintf(header, sizeof header, "a=b; %s; c=d", cookie);
    assert_int_equal(od_auth_role(w.auth, NULL, header), OD_ROLE_SUBMIT);
    assert_int_equal(od_auth_role(w.auth, "Bearer wrong", header), OD_ROLE_NONE);
    snprintf(header, sizeof header, "%s0", cookie);
    assert_int_equal(od_auth_role(w.auth, NULL, header), OD_ROLE_NONE);
    snprintf(header, sizeof header, "%.*s", (int)strlen(cookie) - 1, cookie);
    assert_int_equal(od_auth_role(w.auth, NULL, header), OD_ROLE_NONE);
    od_auth_logout(w.auth, cookie, out);
    assert_int_equal(od_auth_role(w.auth, NULL, cookie), OD_ROLE_NONE);
    od_auth_free(w.auth);
}

static void revoked_tokens_take_their_sessions_along(void **state) {
    world w = make(state);
    char cookie[OD_AUTH_COOKIE_BYTES];
    od_error error;
    begin_session(&w, cookie);
    assert_int_equal(od_tokens_remove(w.path, "a", &error), OD_OK);
    assert_int_equal(od_auth_role(w.auth, w.bearer, NULL), OD_ROLE_NONE);
    assert_int_equal(od_auth_role(w.auth, NULL, cookie), OD_ROLE_NONE);
    assert_int_equal(od_auth_login(w.auth, w.secret, true, cookie, &error), OD_E_INVALID);
    assert_null(strstr(error.text, w.secret));
    od_auth_free(w.auth);
}

static void without_its_file_nobody_is_let_in(void **state) {
    world w = make(state);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(od_auth_role(w.auth, w.bearer, NULL), OD_ROLE_NONE);
    od_auth_free(w.auth);
}

static void the_oldest_session_makes_room(void **state) {
    world w = make(state);
    char first[OD_AUTH_COOKIE_BYTES];
    char cookie[OD_AUTH_COOKIE_BYTES];
    begin_session(&w, first);
    for (int i = 0; i < MORE_THAN_SESSIONS; i++) {
        begin_session(&w, cookie);
        assert_int_equal(od_auth_role(w.auth, NULL, cookie), OD_ROLE_SUBMIT);
    }
    assert_int_equal(od_auth_role(w.auth, NULL, first), OD_ROLE_NONE);
    od_auth_free(w.auth);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_its_role),
        TEST(a_session_is_its_tokens_role),
        TEST(revoked_tokens_take_their_sessions_along),
        TEST(without_its_file_nobody_is_let_in),
        TEST(the_oldest_session_makes_room),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
