// SPDX-License-Identifier: Apache-2.0
// Who asks, and what that role may do. Programs send a token (RFC 6750); the dashboard trades one
// for a cookie, because an EventSource can send no header. Sessions live in memory: a restart ends
// them. The token file is looked at with every request, so a token that is revoked is worth nothing
// from the next request on, and neither is a session that came of it. A file that cannot be read
// any more lets nobody in.
#ifndef OD_HTTP_AUTH_H
#define OD_HTTP_AUTH_H

#include "daemon/http/tokens.h"

#include <stdbool.h>

typedef struct od_auth od_auth;

// Who asks. Of somebody unknown, role is OD_ROLE_NONE.
typedef struct od_caller {
    od_role role;
    uint8_t token[OD_TOKEN_HASH_BYTES];
    uint8_t session[OD_TOKEN_HASH_BYTES]; // of a cookie; zeros: came with the token itself
} od_caller;

enum { OD_AUTH_COOKIE_BYTES = 192 };

// What od_tokens_read says of token_file.
// requests_per_second is each token's limit, 0 for none.
od_status od_auth_new(const char *token_file, int64_t requests_per_second, od_auth **out,
                      od_error *error) OD_MUST_CHECK;
void od_auth_free(od_auth *auth); // NULL is fine

// Who the headers Authorization and Cookie name, either of which may be NULL. A bearer token counts
// more: a wrong one is not made good by a cookie.
od_caller od_auth_caller(od_auth *auth, const char *authorization, const char *cookie);

// Whether a caller of some time ago would still have the role needed.
bool od_auth_is_current(od_auth *auth, const od_caller *caller, od_role needed);

// Counts a request of the caller. false: its token has asked too often, and may do so again in
// *wait_s seconds.
bool od_auth_admit(od_auth *auth, const od_caller *caller, int *wait_s);

// Whether client, an address, may log in now: after some failures it has to wait for *wait_s
// seconds, also with a token that is right. Whoever asks with a token needs no such limit, as 256
// random bits are not found by trying; logins have one because people type into that.
bool od_auth_may_login(od_auth *auth, const char *client, int *wait_s);
void od_auth_note_failure(od_auth *auth, const char *client);

// Begins a session; cookie is the value for Set-Cookie, which a browser sends by TLS alone where
// encrypted. OD_E_INVALID: that is no token.
od_status od_auth_login(od_auth *auth, const char *secret, bool encrypted,
                        char cookie[OD_AUTH_COOKIE_BYTES], od_error *error) OD_MUST_CHECK;

// Ends the session that the header Cookie (or NULL) names, if there is one; out is the value for
// Set-Cookie.
void od_auth_logout(od_auth *auth, const char *cookie, char out[OD_AUTH_COOKIE_BYTES]);

#endif
