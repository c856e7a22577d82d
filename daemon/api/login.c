// SPDX-License-Identifier: Apache-2.0
// A token traded for a session, for browsers.
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/http/auth.h"

static od_response *log_in(const od_request *request, const char *token) {
    char cookie[OD_AUTH_COOKIE_BYTES];
    char client[OD_REQUEST_CLIENT_BYTES];
    od_auth *auth = od_api_daemon(request)->auth;
    od_error error = {0};
    int wait_s = 0;
    od_request_client(request, client);
    if (!od_auth_may_login(auth, client, &wait_s)) {
        return od_problem_rate_limited(request, wait_s, "too many logins have failed");
    }
    od_status status = od_auth_login(auth, token, od_request_is_encrypted(request), cookie, &error);
    if (status == OD_E_INVALID) {
        od_auth_note_failure(auth, client);
        return od_problem_new(request, OD_PROBLEM_UNAUTHORIZED, NULL, "%s", error.text);
    }
    return status == OD_OK ? od_response_header(od_response_empty(204), "Set-Cookie", cookie)
                           : od_problem_from_error(request, &error);
}

void od_api_login_begin(od_request *request) {
    cJSON *body = NULL;
    if (!od_api_has_tokens(request) || !od_api_object(request, false, &body)) {
        return;
    }
    const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "token"));
    if (token != NULL) {
        od_request_answer(request, log_in(request, token));
    } else {
        od_request_answer(request,
                          od_problem_new(request, OD_PROBLEM_INVALID_PARAMETER, NULL,
                                         "the body has no token; send {\"token\": \"...\"}"));
    }
    cJSON_Delete(body);
}

void od_api_login_end(od_request *request) {
    char cookie[OD_AUTH_COOKIE_BYTES];
    if (od_api_has_tokens(request)) {
        od_auth_logout(od_api_daemon(request)->auth, od_request_header(request, "Cookie"), cookie);
        od_request_answer(request,
                          od_response_header(od_response_empty(204), "Set-Cookie", cookie));
    }
}
