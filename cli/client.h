// SPDX-License-Identifier: Apache-2.0
// One connection to an orthod. The answer to a request is OD_OK with a status below 400, or a
// failure: OD_E_NOT_FOUND (404), OD_E_CONFLICT (409), OD_E_UNSUPPORTED (what else the server
// refuses) with the problem as text, or OD_E_IO when no answer came.
// Redirects are not followed and the environment's proxies not used: a token goes to this server
// and to no other.
#ifndef OD_CLI_CLIENT_H
#define OD_CLI_CLIENT_H

#include "base/buffer.h"
#include "base/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

typedef struct od_client od_client;

typedef struct od_request {
    const char *method;       // NULL: GET
    const char *path;         // below /api/v1, encoded, with its query
    const char *content_type; // of the body; NULL without one
    const char *body;
    size_t body_bytes;
    const char *key;    // Idempotency-Key, or NULL. With one, a request whose answer got lost is
                        // sent again, a few times
    const char *header; // one more, "Name: value", or NULL
} od_request;

// Takes a part of an answer's body; false ends the transfer, which then is OD_OK. bytes NULL: the
// request (one with a key) goes out once more, forget what came.
typedef bool (*od_client_sink)(void *ctx, const char *bytes, size_t size);

// server: http://HOST[:PORT], https://… or unix:PATH, else OD_E_INVALID. token: for
// "Authorization: Bearer", or NULL. OD_E_INVALID when it is no such token; it is in no message.
od_status od_client_new(const char *server, const char *token, od_client **out,
                        od_error *error) OD_MUST_CHECK;
void od_client_free(od_client *client);

// Trusts https:// servers by the certificates in this file instead of the system's. path is kept,
// not copied.
void od_client_trust(od_client *client, const char *path);

od_status od_client_stream(od_client *client, const od_request *request, od_client_sink sink,
                           void *ctx, od_error *error) OD_MUST_CHECK;

// The whole body is appended to body.
od_status od_client_send(od_client *client, const od_request *request, od_buffer *body,
                         od_error *error) OD_MUST_CHECK;

// The same, read as JSON; *out is the caller's.
od_status od_client_json(od_client *client, const od_request *request, cJSON **out,
                         od_error *error) OD_MUST_CHECK;

// HTTP status of the last answer; 0: none came.
long od_client_http_status(const od_client *client);

// The last answer's problem in full, where od_error has room for its first kilobyte; "" when it was
// none.
const char *od_client_problem(const od_client *client);

#endif
