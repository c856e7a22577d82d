// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/auth.h"

#include "base/clock.h"
#include "base/log.h"

#include <nettle/memops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { SESSIONS_MAX = 256, SESSION_S = 7 * 24 * 3600, ID_BYTES = 65, NAME_BYTES = 16 };

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
    struct stat seen; // the file as it was when tokens was read
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

od_status od_auth_new(const char *token_file, od_auth **out, od_error *error) {
    od_auth *auth = calloc(1, sizeof *auth);
    char *path = auth != NULL ? strdup(token_file) : NULL;
    if (path == NULL) {
        free(auth);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for tokens");
    }
    auth->path = path;
    od_status status = od_tokens_read(path, &auth->tokens, error);
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

static session *find_session(od_auth *auth, const char *header) {
    char id[ID_BYTES];
    uint8_t hash[OD_TOKEN_HASH_BYTES];
    session *found = NULL;
    if (!find_cookie(auth, header, id)) {
        return NULL;
    }
    od_token_hash(id, hash);
    int64_t now = od_clock_monotonic_ns();
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        session *one = &auth->sessions[i];
        if (memeql_sec(one->id, hash, sizeof hash) != 0 && one->until_ns > now) {
            found = one;
        }
    }
    return found;
}

od_role od_auth_role(od_auth *auth, const char *authorization, const char *cookie) {
    static const char scheme[] = "Bearer ";
    uint8_t hash[OD_TOKEN_HASH_BYTES];
    const od_token *token = NULL;
    refresh(auth);
    if (authorization != NULL) {
        if (strncasecmp(authorization, scheme, sizeof scheme - 1) == 0) {
            od_token_hash(authorization + sizeof scheme - 1, hash);
            token = od_tokens_find(&auth->tokens, hash);
        }
    } else {
        const session *one = find_session(auth, cookie);
        token = one != NULL ? od_tokens_find(&auth->tokens, one->token) : NULL;
    }
    return token != NULL ? token->role : OD_ROLE_NONE;
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
    session *one = find_session(auth, cookie);
    if (one != NULL) {
        *one = (session){0};
    }
    print_cookie(auth, "", 0, false, out);
}
