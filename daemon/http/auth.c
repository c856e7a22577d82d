// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/http/throttle.h"

#include <nettle/memops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { SESSIONS_MAX = 256, SESSION_S = 7 * 24 * 3600, ID_BYTES = 65, NAME_BYTES = 16 };
enum { BURST_S = 5, LOGIN_FAILURES = 10, LOGIN_WAIT_S = 10 };

// Of a session that never was, until_ns is 0. It is monotonic: setting the clock ends no session and
// lengthens none.
typedef struct session {
    uint8_t id[OD_TOKEN_HASH_BYTES]; // the cookie's hash: memory alone opens no session
    uint8_t token[OD_TOKEN_HASH_BYTES];
    int64_t until_ns;
} session;

struct od_auth {
    char *path;
    char cookie_name[NAME_BYTES];
    od_throttle *requests; // by token; NULL: no limit
    od_throttle *failures; // of logins, by address
    struct stat seen;      // the file as it was when tokens was read
    od_tokens tokens;
    session sessions[SESSIONS_MAX];
};

// Cookies do not know ports: of two servers on a machine each has a name of its own.
static void name_cookie(od_auth *auth) {
    uint8_t hash[OD_TOKEN_HASH_BYTES];
    od_token_hash(auth->path, hash);
    snprintf(auth->cookie_name, sizeof auth->cookie_name, "orthod-%02x%02x%02x%02x", hash[0],
             hash[1], hash[2], hash[3]);
}

od_status od_auth_new(const char *token_file, int64_t requests_per_second, od_auth **out,
                      od_error *error) {
    od_auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for tokens");
    }
    double rate = (double)requests_per_second;
    auth->path = strdup(token_file);
    auth->failures = od_throttle_new(1.0 / LOGIN_WAIT_S, LOGIN_FAILURES);
    auth->requests = rate > 0 ? od_throttle_new(rate, rate * BURST_S) : NULL;
    if (auth->path == NULL || auth->failures == NULL || (rate > 0 && auth->requests == NULL)) {
        od_auth_free(auth);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for tokens");
    }
    od_status status = od_tokens_read(auth->path, &auth->tokens, error);
    if (status != OD_OK) {
        od_auth_free(auth);
        return status;
    }
    name_cookie(auth);
    *out = auth;
    return OD_OK;
}

void od_auth_free(od_auth *auth) {
    if (auth != NULL) {
        od_tokens_fini(&auth->tokens);
        od_throttle_free(auth->requests);
        od_throttle_free(auth->failures);
        free(auth->path);
        free(auth);
    }
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

// Looks at the file before reading it, so that a change in between is seen the next time.
static void refresh(od_auth *auth) {
    struct stat now = {0};
    od_error error;
    od_tokens fresh;
    if (stat(auth->path, &now) != 0) {
        now = (struct stat){.st_size = -1};
    }
    if (is_same_file(&now, &auth->seen)) {
        return;
    }
    auth->seen = now;
    if (od_tokens_read(auth->path, &fresh, &error) != OD_OK) {
        char quoted[OD_ERROR_TEXT_BYTES * 2];
        od_log(OD_LOG_ERROR, "the token file cannot be used, so nobody is let in", "error=%s",
               od_log_quote(quoted, sizeof quoted, error.text));
    }
    od_tokens_fini(&auth->tokens);
    auth->tokens = fresh;
}

// --- sessions -------------------------------------------------------------------------------

// Copies the value of our cookie from a header "a=b; c=d". false: it is not there.
static bool find_cookie(const od_auth *auth, const char *header, char out[ID_BYTES]) {
    size_t length = strlen(auth->cookie_name);
    for (const char *at = header; at != NULL;) {
        at += strspn(at, " ;");
        size_t pair = strcspn(at, ";");
        if (strncmp(at, auth->cookie_name, length) == 0 && at[length] == '=' &&
            pair - length == ID_BYTES) {
            memcpy(out, at + length + 1, ID_BYTES - 1);
            out[ID_BYTES - 1] = '\0';
            return true;
        }
        at = at[pair] == ';' ? at + pair : NULL;
    }
    return false;
}

static session *find_session(od_auth *auth, const uint8_t id[OD_TOKEN_HASH_BYTES]) {
    session *found = NULL;
    int64_t now = od_clock_monotonic_ns();
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        session *one = &auth->sessions[i];
        if (memeql_sec(one->id, id, OD_TOKEN_HASH_BYTES) != 0 && one->until_ns > now) {
            found = one;
        }
    }
    return found;
}

static session *find_session_of(od_auth *auth, const char *header) {
    char id[ID_BYTES];
    uint8_t hash[OD_TOKEN_HASH_BYTES];
    if (!find_cookie(auth, header, id)) {
        return NULL;
    }
    od_token_hash(id, hash);
    return find_session(auth, hash);
}

// --- callers --------------------------------------------------------------------------------

od_caller od_auth_caller(od_auth *auth, const char *authorization, const char *cookie) {
    static const char scheme[] = "Bearer ";
    od_caller out = {.role = OD_ROLE_NONE};
    const od_token *token = NULL;
    refresh(auth);
    if (authorization != NULL) {
        if (strncasecmp(authorization, scheme, sizeof scheme - 1) == 0) {
            od_token_hash(authorization + sizeof scheme - 1, out.token);
            token = od_tokens_find(&auth->tokens, out.token);
        }
    } else {
        const session *one = find_session_of(auth, cookie);
        if (one != NULL) {
            memcpy(out.token, one->token, sizeof out.token);
            memcpy(out.session, one->id, sizeof out.session);
            token = od_tokens_find(&auth->tokens, out.token);
        }
    }
    out.role = token != NULL ? token->role : OD_ROLE_NONE;
    return out;
}

bool od_auth_is_current(od_auth *auth, const od_caller *caller, od_role needed) {
    static const uint8_t none[OD_TOKEN_HASH_BYTES];
    refresh(auth);
    if (memcmp(caller->session, none, sizeof none) != 0 &&
        find_session(auth, caller->session) == NULL) {
        return false;
    }
    const od_token *token = od_tokens_find(&auth->tokens, caller->token);
    return token != NULL && token->role <= needed;
}

static int64_t now_ms(void) {
    return od_clock_monotonic_ns() / 1000000;
}

bool od_auth_admit(od_auth *auth, const od_caller *caller, int *wait_s) {
    return auth->requests == NULL ||
           od_throttle_take(auth->requests, caller->token, now_ms(), wait_s);
}

bool od_auth_may_login(od_auth *auth, const char *client, int *wait_s) {
    uint8_t key[OD_TOKEN_HASH_BYTES];
    od_token_hash(client, key);
    return od_throttle_has(auth->failures, key, now_ms(), wait_s);
}

void od_auth_note_failure(od_auth *auth, const char *client) {
    uint8_t key[OD_TOKEN_HASH_BYTES];
    int wait_s = 0;
    od_token_hash(client, key);
    (void)od_throttle_take(auth->failures, key, now_ms(), &wait_s);
}

static void print_cookie(const od_auth *auth, const char *id, int seconds, bool encrypted,
                         char out[OD_AUTH_COOKIE_BYTES]) {
    snprintf(out, OD_AUTH_COOKIE_BYTES, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s",
             auth->cookie_name, id, seconds, encrypted ? "; Secure" : "");
}

od_status od_auth_login(od_auth *auth, const char *secret, bool encrypted,
                        char cookie[OD_AUTH_COOKIE_BYTES], od_error *error) {
    char id[ID_BYTES];
    uint8_t hash[OD_TOKEN_HASH_BYTES];
    refresh(auth);
    od_token_hash(secret, hash);
    if (od_tokens_find(&auth->tokens, hash) == NULL) {
        return od_error_set(error, OD_E_INVALID, "that is no token of this server");
    }
    OD_TRY(od_token_make_secret("", id, sizeof id, error));
    session *oldest = &auth->sessions[0];
    for (size_t i = 1; i < SESSIONS_MAX; i++) {
        if (auth->sessions[i].until_ns < oldest->until_ns) {
            oldest = &auth->sessions[i];
        }
    }
    od_token_hash(id, oldest->id);
    memcpy(oldest->token, hash, sizeof hash);
    oldest->until_ns = od_clock_monotonic_ns() + (int64_t)SESSION_S * 1000000000;
    print_cookie(auth, id, SESSION_S, encrypted, cookie);
    return OD_OK;
}

void od_auth_logout(od_auth *auth, const char *cookie, char out[OD_AUTH_COOKIE_BYTES]) {
    session *one = find_session_of(auth, cookie);
    if (one != NULL) {
        *one = (session){0};
    }
    print_cookie(auth, "", 0, false, out);
}
