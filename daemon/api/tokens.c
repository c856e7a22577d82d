// SPDX-License-Identifier: Apache-2.0
// The tokens of the token file: made, listed and revoked by those who have the role admin. The file
// is read and written on a pool thread; what orthod token does to it meanwhile waits for its lock.
#include "daemon/http/tokens.h"
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

#include <string.h>

typedef struct tokens_call {
    od_api_call base;
    char name[OD_TOKEN_NAME_BYTES];
    od_role role;
} tokens_call;

static const char *path_of(const tokens_call *call) {
    return od_api_daemon(call->base.request)->config->token_file;
}

// What is wrong with the file is for those who run the server; admins are told that much of it.
static od_status refuse(tokens_call *call, od_status status, const od_error *error) {
    od_problem problem = status == OD_E_NOT_FOUND ? OD_PROBLEM_NOT_FOUND
                         : status == OD_E_EXISTS  ? OD_PROBLEM_WRONG_STATE
                         : status == OD_E_INVALID ? OD_PROBLEM_INVALID_PARAMETER
                                                  : OD_PROBLEM_UNAVAILABLE;
    call->base.response =
        od_problem_new(call->base.request, problem, NULL, "%s%s", error->text,
                       problem == OD_PROBLEM_UNAVAILABLE ? "; use orthod token on the server" : "");
    return OD_OK;
}

static tokens_call *new_call(od_request *request) {
    return od_api_has_tokens(request) ? od_api_call_new(request, sizeof(tokens_call), NULL) : NULL;
}

// --- list -----------------------------------------------------------------------------------

static od_response *list_response(const od_tokens *tokens) {
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "tokens");
    bool whole = list != NULL;
    for (size_t i = 0; i < tokens->count && whole; i++) {
        const od_token *token = &tokens->items[i];
        cJSON *item = cJSON_CreateObject();
        whole = cJSON_AddStringToObject(item, "name", token->name) != NULL &&
                cJSON_AddStringToObject(item, "role", od_role_name(token->role)) != NULL;
        whole = od_api_append(list, item) && whole;
    }
    od_response *response = od_response_json(200, whole ? body : NULL);
    cJSON_Delete(body);
    return response;
}

static od_status list_work(sqlite3 *db, void *ctx, od_error *error) {
    tokens_call *call = ctx;
    od_tokens tokens;
    (void)db;
    od_status status = od_tokens_read(path_of(call), &tokens, error);
    if (status != OD_OK) {
        return refuse(call, OD_E_IO, error);
    }
    call->base.response = list_response(&tokens);
    od_tokens_fini(&tokens);
    return OD_OK;
}

void od_api_tokens_serve(od_request *request) {
    tokens_call *call = new_call(request);
    if (call != NULL) {
        od_api_read(&call->base, list_work);
    }
}

// --- make -----------------------------------------------------------------------------------

static od_status add_work(sqlite3 *db, void *ctx, od_error *error) {
    tokens_call *call = ctx;
    char secret[OD_TOKEN_SECRET_BYTES];
    (void)db;
    od_status status = od_tokens_add(path_of(call), call->name, call->role, secret, error);
    if (status != OD_OK) {
        return refuse(call, status, error);
    }
    cJSON *body = cJSON_CreateObject();
    bool whole = cJSON_AddStringToObject(body, "name", call->name) != NULL &&
                 cJSON_AddStringToObject(body, "role", od_role_name(call->role)) != NULL &&
                 cJSON_AddStringToObject(body, "token", secret) != NULL;
    call->base.response = od_response_json(201, whole ? body : NULL);
    cJSON_Delete(body);
    explicit_bzero(secret, sizeof secret);
    return OD_OK;
}

// Both members, or the faults of both.
static bool read_wish(od_request *request, const cJSON *body, const char **name, od_role *role) {
    *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "name"));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "role"));
    *role = text != NULL ? od_role_parse(text) : OD_ROLE_NONE;
    if (*name == NULL || strlen(*name) >= OD_TOKEN_NAME_BYTES) {
        od_request_fault(request, "name", "is not there or has more than %d bytes",
                         OD_TOKEN_NAME_BYTES - 1);
    }
    if (*role == OD_ROLE_NONE) {
        od_request_fault(request, "role", "is not read, submit or admin");
    }
    return od_request_is_sound(request);
}

void od_api_tokens_add(od_request *request) {
    cJSON *body = NULL;
    const char *name = NULL;
    od_role role = OD_ROLE_NONE;
    if (!od_api_has_tokens(request) || !od_api_object(request, false, &body)) {
        return;
    }
    if (read_wish(request, body, &name, &role)) {
        tokens_call *call = new_call(request);
        if (call != NULL) {
            memcpy(call->name, name, strlen(name) + 1);
            call->role = role;
            od_api_read(&call->base, add_work);
        }
    }
    cJSON_Delete(body);
}

// --- revoke ---------------------------------------------------------------------------------

static od_status revoke_work(sqlite3 *db, void *ctx, od_error *error) {
    tokens_call *call = ctx;
    (void)db;
    od_status status = od_tokens_remove(path_of(call), call->name, error);
    if (status != OD_OK) {
        return refuse(call, status, error);
    }
    call->base.response = od_response_empty(204);
    return OD_OK;
}

void od_api_tokens_revoke(od_request *request) {
    const char *name = od_request_segment(request, 3);
    tokens_call *call = new_call(request);
    if (call == NULL) {
        return;
    }
    if (strlen(name) >= OD_TOKEN_NAME_BYTES) {
        od_api_finish(&call->base, od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                                  "no token has a name as long as that"));
        return;
    }
    memcpy(call->name, name, strlen(name) + 1);
    od_api_read(&call->base, revoke_work);
}
