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
    assert_int_equal(od_auth_new(w.path, 2, &w.auth, &error), OD_OK);
    snprintf(w.bearer, sizeof w.bearer, "Bearer %s", w.secret);
    return w;
}

static od_role role_of(od_auth *auth, const char *authorization, const char *cookie) {
    return od_auth_caller(auth, authorization, cookie).role;
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
    assert_int_equal(role_of(w.auth, w.bearer, NULL), OD_ROLE_SUBMIT);
    w.bearer[0] = 'b'; // the scheme's case does not matter
    assert_int_equal(role_of(w.auth, w.bearer, NULL), OD_ROLE_SUBMIT);
    w.bearer[strlen(w.bearer) - 1] ^= 1;
    assert_int_equal(role_of(w.auth, w.bearer, NULL), OD_ROLE_NONE);
    assert_int_equal(role_of(w.auth, NULL, NULL), OD_ROLE_NONE);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(role_of(w.auth, wrong[i], NULL), OD_ROLE_NONE);
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
    assert_int_equal(role_of(w.auth, NULL, header), OD_ROLE_SUBMIT);
    assert_int_equal(role_of(w.auth, "Bearer wrong", header), OD_ROLE_NONE);
    snprintf(header, sizeof header, "%s0", cookie);
    assert_int_equal(role_of(w.auth, NULL, header), OD_ROLE_NONE);
    snprintf(header, sizeof header, "%.*s", (int)strlen(cookie) - 1, cookie);
    assert_int_equal(role_of(w.auth, NULL, header), OD_ROLE_NONE);
    od_auth_logout(w.auth, cookie, out);
    assert_int_equal(role_of(w.auth, NULL, cookie), OD_ROLE_NONE);
    od_auth_free(w.auth);
}

static void revoked_tokens_take_their_sessions_along(void **state) {
    world w = make(state);
    char cookie[OD_AUTH_COOKIE_BYTES];
    od_error error;
    begin_session(&w, cookie);
    assert_int_equal(od_tokens_remove(w.path, "a", &error), OD_OK);
    assert_int_equal(role_of(w.auth, w.bearer, NULL), OD_ROLE_NONE);
    assert_int_equal(role_of(w.auth, NULL, cookie), OD_ROLE_NONE);
    assert_int_equal(od_auth_login(w.auth, w.secret, true, cookie, &error), OD_E_INVALID);
    assert_null(strstr(error.text, w.secret));
    od_auth_free(w.auth);
}

static void without_its_file_nobody_is_let_in(void **state) {
    world w = make(state);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(role_of(w.auth, w.bearer, NULL), OD_ROLE_NONE);
    od_auth_free(w.auth);
}

static void the_oldest_session_makes_room(void **state) {
    world w = make(state);
    char first[OD_AUTH_COOKIE_BYTES];
    char cookie[OD_AUTH_COOKIE_BYTES];
    begin_session(&w, first);
    for (int i = 0; i < MORE_THAN_SESSIONS; i++) {
        begin_session(&w, cookie);
        assert_int_equal(role_of(w.auth, NULL, cookie), OD_ROLE_SUBMIT);
    }
    assert_int_equal(role_of(w.auth, NULL, first), OD_ROLE_NONE);
    od_auth_free(w.auth);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

static void a_caller_is_current_as_long_as_token_and_session(void **state) {
    world w = make(state);
    char cookie[OD_AUTH_COOKIE_BYTES];
    char out[OD_AUTH_COOKIE_BYTES];
    od_error error;
    begin_session(&w, cookie);
    od_caller by_token = od_auth_caller(w.auth, w.bearer, NULL);
    od_caller by_session = od_auth_caller(w.auth, NULL, cookie);
    assert_true(od_auth_is_current(w.auth, &by_token, OD_ROLE_READ));
    assert_true(od_auth_is_current(w.auth, &by_session, OD_ROLE_SUBMIT));
    assert_false(od_auth_is_current(w.auth, &by_token, OD_ROLE_ADMIN));
    od_auth_logout(w.auth, cookie, out);
    assert_false(od_auth_is_current(w.auth, &by_session, OD_ROLE_READ));
    assert_true(od_auth_is_current(w.auth, &by_token, OD_ROLE_READ));
    assert_int_equal(od_tokens_remove(w.path, "a", &error), OD_OK);
    assert_false(od_auth_is_current(w.auth, &by_token, OD_ROLE_READ));
    od_auth_free(w.auth);
}

static void a_session_counts_as_its_token(void **state) {
    world w = make(state);
    char cookie[OD_AUTH_COOKIE_BYTES];
    int wait = 0;
    begin_session(&w, cookie);
    od_caller by_token = od_auth_caller(w.auth, w.bearer, NULL);
    od_caller by_session = od_auth_caller(w.auth, NULL, cookie);
    int admitted = 0;
    while (od_auth_admit(w.auth, admitted % 2 == 0 ? &by_token : &by_session, &wait)) {
        admitted++;
    }
    assert_true(admitted >= 10 && admitted <= 14); // five seconds' worth of 2 a second
    assert_int_equal(wait, 1);
    assert_false(od_auth_admit(w.auth, &by_session, &wait));
    od_auth_free(w.auth);
}

static void failed_logins_make_an_address_wait(void **state) {
    world w = make(state);
    int wait = 0;
    int failed = 0;
    for (; od_auth_may_login(w.auth, "10.0.0.1", &wait); failed++) {
        od_auth_note_failure(w.auth, "10.0.0.1");
    }
    assert_int_equal(failed, 10);
    assert_true(wait >= 9 && wait <= 10);
    assert_true(od_auth_may_login(w.auth, "10.0.0.2", &wait));
    od_auth_free(w.auth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_its_role),
        TEST(a_session_is_its_tokens_role),
        TEST(revoked_tokens_take_their_sessions_along),
        TEST(a_caller_is_current_as_long_as_token_and_session),
        TEST(a_session_counts_as_its_token),
        TEST(failed_logins_make_an_address_wait),
        TEST(without_its_file_nobody_is_let_in),
        TEST(the_oldest_session_makes_room),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
