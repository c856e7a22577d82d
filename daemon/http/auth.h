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

enum { OD_AUTH_COOKIE_BYTES = 192 };

// What od_tokens_read says of token_file.
od_status od_auth_new(const char *token_file, od_auth **out, od_error *error) OD_MUST_CHECK;
void od_auth_free(od_auth *auth); // NULL is fine

// The role that the headers Authorization and Cookie give, either of which may be NULL. A bearer
// token counts more: a wrong one is not made good by a cookie.
od_role od_auth_role(od_auth *auth, const char *authorization, const char *cookie);

// Begins a session; cookie is the value for Set-Cookie, which a browser sends by TLS alone where
// encrypted. OD_E_INVALID: that is no token.
od_status od_auth_login(od_auth *auth, const char *secret, bool encrypted,
                        char cookie[OD_AUTH_COOKIE_BYTES], od_error *error) OD_MUST_CHECK;

// Ends the session that the header Cookie (or NULL) names, if there is one; out is the value for
// Set-Cookie.
void od_auth_logout(od_auth *auth, const char *cookie, char out[OD_AUTH_COOKIE_BYTES]);

#endif
