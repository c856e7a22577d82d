// SPDX-License-Identifier: Apache-2.0
// A request from its first line to its end: what MHD tells in callbacks becomes one call of a
// handler, and the handler's answer, now or later, becomes MHD's response.
#include "daemon/http/private.h"
#include "daemon/http/problem.h"
#include "daemon/http/router.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DISCARD_BYTES = 16 << 20 }; // of a refused body that is read to its end all the same

static const struct {
    const char *name;
    const char *value;
} standard_headers[] = {
    {"Content-Security-Policy",
     "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "same-origin"},
};

void *od_request_context(const od_request *request) {
    return request->mhd->config.context;
}

od_method od_request_method(const od_request *request) {
    return request->method;
}

const char *od_request_segment(const od_request *request, size_t index) {
    return index < request->url.segment_count ? request->url.segments[index] : NULL;
}

size_t od_request_segment_count(const od_request *request) {
    return request->url.segment_count;
}

const char *od_request_query(const od_request *request, const char *name) {
    return od_url_parameter_value(&request->url, name);
}

bool od_request_parameter(const od_request *request, size_t index, const char **name,
                          const char **value) {
    if (index >= request->url.parameter_count) {
        return false;
    }
    *name = request->url.parameters[index].name;
    *value = request->url.parameters[index].value;
    return true;
}

const char *od_request_header(const od_request *request, const char *name) {
    return request->connection != NULL
               ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name)
               : NULL;
}

// Of a proxy tells the origin of its pages, which od_guard_same_origin has compared with the Host.
bool od_request_is_encrypted(const od_request *request) {
    const char *origin = od_request_header(request, "Origin");
    return request->listener->encrypted ||
           (origin != NULL && strncasecmp(origin, "https://", 8) == 0);
}

// Of IPv6, the network: who has one address there has 2^64.
void od_request_client(const od_request *request, char out[OD_REQUEST_CLIENT_BYTES]) {
    const union MHD_ConnectionInfo *info =
        request->connection != NULL
            ? MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
            : NULL;
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    snprintf(out, OD_REQUEST_CLIENT_BYTES, "unix");
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, out, OD_REQUEST_CLIENT_BYTES);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        struct in6_addr network = {0};
        memcpy(&network, &in6->sin6_addr, sizeof network / 2);
        inet_ntop(AF_INET6, &network, out, OD_REQUEST_CLIENT_BYTES);
    }
}

void od_request_fault(od_request *request, const char *name, const char *format, ...) {
    char detail[OD_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    od_problem_keep_ascii(detail);
    request->no_memory =
        od_faults_add(&request->faults, name, "%s", detail) != OD_OK || request->no_memory;
}

static bool has_faults(const od_request *request) {
    return request->faults.count > 0 || request->no_memory;
}

static od_response *faults_problem(const od_request *request) {
    const od_faults *faults = &request->faults;
    return request->no_memory
               ? NULL
               : od_problem_new(request, OD_PROBLEM_INVALID_PARAMETER, faults, "%s %s",
                                faults->items[0].pointer, faults->items[0].detail);
}

bool od_request_is_sound(od_request *request) {
    if (has_faults(request)) {
        od_request_answer(request, faults_problem(request));
        return false;
    }
    return true;
}

// Whether a Content-Type is one of names; its parameters are not looked at.
static bool is_media_type(const char *type, const char *const *names, size_t count) {
    size_t length = strcspn(type, "; \t");
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && strncasecmp(type, names[i], length) == 0) {
            return true;
        }
    }
    return false;
}

bool od_request_is_yaml(const od_request *request) {
    static const char *const names[] = {"application/yaml", "application/x-yaml", "text/yaml"};
    const char *type = od_request_header(request, "Content-Type");
    return (request->route->flags & OD_ROUTE_YAML) != 0 && type != NULL &&
           is_media_type(type, names, sizeof names / sizeof names[0]);
}

const char *od_request_body(const od_request *request, size_t *size) {
    *size = request->body.size;
    return request->body.data != NULL ? request->body.data : "";
}

const char *od_request_target(const od_request *request) {
    return request->target;
}

static void free_request(od_request *request) {
    od_response_free(request->response);
    od_buffer_fini(&request->body);
    od_faults_fini(&request->faults);
    od_url_fini(&request->url);
    free(request->target);
    free(request);
}

// MHD would keep every query parameter in the connection's memory, and never answers when that is
// full; url.c reads the query from our copy, so MHD gets to see an empty one. target is MHD's own
// buffer, which it writes to itself after this.
static void hide_query(const char *target) {
    char *query = strchr((char *)target, '?');
    if (query != NULL && query[1] != '\0') {
        query[1] = '\0';
    }
}

void *od_request_on_target(void *cls, const char *target, struct MHD_Connection *connection) {
    od_listener *listener = cls;
    od_request *request = calloc(1, sizeof *request);
    char *copy = request != NULL ? strdup(target) : NULL;
    if (copy == NULL) {
        free(request);
        return NULL;
    }
    hide_query(target);
    request->mhd = listener->mhd;
    request->listener = listener;
    request->connection = connection;
    request->target = copy;
    return request;
}

// Sets the answer of a request that no handler will see.
static void refuse(od_request *request, od_response *response) {
    request->response = response;
    request->phase = OD_REQUEST_ANSWERED;
}

static void refuse_stopping(od_request *request) {
    refuse(request,
           od_problem_new(request, OD_PROBLEM_UNAVAILABLE, NULL, "the server is stopping"));
}

static bool is_unsafe(od_method method) {
    return (method & (OD_METHOD_GET | OD_METHOD_HEAD | OD_METHOD_OPTIONS)) == 0;
}

static void check_guard(od_request *request) {
    const char *host = od_request_header(request, "Host");
    if (!od_guard_host_is_own(&request->listener->guard, host)) {
        refuse(request, od_problem_new(request, OD_PROBLEM_FORBIDDEN_HOST, NULL,
                                       "the Host header is \"%s\"; ask for %s",
                                       host != NULL ? host : "", request->listener->name));
    } else if (is_unsafe(request->method) &&
               !od_guard_same_origin(host, od_request_header(request, "Origin"),
                                     od_request_header(request, "Sec-Fetch-Site"))) {
        refuse(request, od_problem_new(request, OD_PROBLEM_FORBIDDEN_HOST, NULL,
                                       "the request comes from a page of another origin"));
    }
}

static void answer_options(od_request *request, unsigned methods) {
    char allow[OD_ROUTER_ALLOW_BYTES];
    od_router_allow(allow, methods);
    refuse(request, od_response_header(od_response_empty(204), "Allow", allow));
}

// What a request says of itself is in no message: it may be a secret.
static void refuse_unknown(od_request *request, bool with_token) {
    od_response *response =
        od_problem_new(request, OD_PROBLEM_UNAUTHORIZED, NULL, "%s",
                       with_token ? "the token is not, or no longer, one of this server's"
                                  : "send Authorization: Bearer TOKEN, or log in");
    refuse(request,
           od_response_header(response, "WWW-Authenticate",
                              with_token ? "Bearer realm=\"orthod\", error=\"invalid_token\""
                                         : "Bearer realm=\"orthod\""));
}

static void refuse_role(od_request *request, od_role needed) {
    od_response *response = od_problem_new(
        request, OD_PROBLEM_FORBIDDEN_ROLE, NULL, "the token's role is %s and this needs %s",
        od_role_name(request->caller.role), od_role_name(needed));
    refuse(request, od_response_header_printf(
                        response, "WWW-Authenticate",
                        "Bearer realm=\"orthod\", error=\"insufficient_scope\", scope=\"%s\"",
                        od_role_name(needed)));
}

static void check_role(od_request *request, od_role needed) {
    od_auth *auth = request->mhd->config.auth;
    int wait_s = 0;
    if (auth == NULL || needed == OD_ROLE_NONE) {
        return;
    }
    const char *authorization = od_request_header(request, "Authorization");
    request->caller = od_auth_caller(auth, authorization, od_request_header(request, "Cookie"));
    if (request->caller.role == OD_ROLE_NONE) {
        refuse_unknown(request, authorization != NULL);
    } else if (!od_auth_admit(auth, &request->caller, &wait_s)) {
        refuse(request, od_problem_rate_limited(request, wait_s, "the token has asked too often"));
    } else if (request->caller.role > needed) {
        refuse_role(request, needed);
    }
}

// A method that a path does not have is told to nobody who may not know the path.
static void find_route(od_request *request) {
    unsigned methods = 0;
    const od_mhd_config *config = &request->mhd->config;
    request->route = od_router_find(config->routes, config->route_count, request->method,
                                    request->url.segments, request->url.segment_count, &methods);
    if (methods != 0) {
        check_role(request, request->route != NULL ? request->route->role : OD_ROLE_READ);
    }
    if (request->route != NULL || request->phase != OD_REQUEST_READING) {
        return;
    }
    if (methods == 0) {
        refuse(request, od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                       "this server has no such route"));
    } else if (request->method == OD_METHOD_OPTIONS) {
        answer_options(request, methods);
    } else {
        char allow[OD_ROUTER_ALLOW_BYTES];
        od_router_allow(allow, methods);
        refuse(request, od_response_header(od_problem_new(request, OD_PROBLEM_METHOD_NOT_ALLOWED,
                                                          NULL, "allowed are %s", allow),
                                           "Allow", allow));
    }
}

static void query_fault(od_request *request, size_t index) {
    const char *name = request->url.parameters[index].name;
    const char *known = request->route->query;
    if (!od_router_listed(known, name) && !od_request_is_yaml(request)) {
        od_request_fault(request, name, "is not a parameter of this route%s%s",
                         known != NULL ? "; it has " : "", known != NULL ? known : "");
        return;
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(request->url.parameters[i].name, name) == 0) {
            od_request_fault(request, name, "is given more than once");
            return;
        }
    }
}

// Of a route with parameters the handler tells the faults, together with those of the values.
static void check_query(od_request *request) {
    bool any = (request->route->flags & OD_ROUTE_ANY_QUERY) != 0;
    for (size_t i = 0; i < request->url.parameter_count && !any; i++) {
        query_fault(request, i);
    }
    if (has_faults(request) && request->route->query == NULL) {
        refuse(request, faults_problem(request));
    }
}

static void check_media_type(od_request *request) {
    static const char *const read_as_json[] = {"application/json", "application/merge-patch+json",
                                               "application/x-www-form-urlencoded"};
    const char *type = od_request_header(request, "Content-Type");
    if (type == NULL || (request->route->flags & OD_ROUTE_JSON) == 0) {
        return;
    }
    if (is_media_type(type, read_as_json, sizeof read_as_json / sizeof read_as_json[0]) ||
        od_request_is_yaml(request)) {
        return;
    }
    refuse(request,
           od_problem_new(request, OD_PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL,
                          "Content-Type is %s; send application/json%s", type,
                          request->route->flags & OD_ROUTE_YAML ? " or application/yaml" : ""));
}

static void refuse_large(od_request *request) {
    refuse(request, od_problem_new(request, OD_PROBLEM_TOO_LARGE, NULL,
                                   "the body has more than %d bytes", OD_MHD_BODY_BYTES));
    od_buffer_fini(&request->body);
}

// The announced size of the body; 0 when there is none or it comes in chunks.
static unsigned long long announced_bytes(const od_request *request) {
    const char *length = od_request_header(request, "Content-Length");
    return length != NULL ? strtoull(length, NULL, 10) : 0;
}

typedef struct framing {
    int lengths;
    int encodings;
    bool odd;
} framing;

static enum MHD_Result note_framing(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    framing *found = cls;
    (void)kind;
    if (strcasecmp(name, "Content-Length") == 0) {
        found->lengths++;
        found->odd = found->odd || value == NULL || *value == '\0' ||
                     value[strspn(value, "0123456789")] != '\0';
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        found->encodings++;
        found->odd = found->odd || value == NULL || strcasecmp(value, "chunked") != 0;
    }
    found->odd = found->odd || strpbrk(name, " \t") != NULL;
    return MHD_YES;
}

// Two who disagree on where a request ends take a part of its body for another request (RFC 9112,
// 6.3): a proxy in front of this server and this server must not get to be these two.
static void check_framing(od_request *request) {
    framing found = {0};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_framing, &found);
    if (found.odd || found.lengths + found.encodings > 1) {
        od_request_fault(request, "Content-Length",
                         "and Transfer-Encoding leave open where the body ends");
        refuse(request, od_response_header(faults_problem(request), "Connection", "close"));
    }
}

// Everything that can be said without the body, cheapest and most general first.
static void begin(od_request *request, const char *method) {
    od_error error = {0};
    request->method = od_router_method(method);
    request->phase = OD_REQUEST_READING;
    check_framing(request);
    if (request->phase == OD_REQUEST_READING) {
        check_guard(request);
    }
    if (request->phase == OD_REQUEST_READING && request->method == OD_METHOD_OPTIONS &&
        strcmp(request->target, "*") == 0) {
        answer_options(request, OD_METHOD_OTHER - 1);
    }
    if (request->phase == OD_REQUEST_READING &&
        od_url_parse(request->target, &request->url, &error) != OD_OK) {
        od_request_fault(request, "url", "is refused: %s", error.text);
        refuse(request, faults_problem(request));
    }
    static void (*const checks[])(od_request *) = {find_route, check_query, check_media_type};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (request->phase == OD_REQUEST_READING) {
            checks[i](request);
        }
    }
    if (request->phase == OD_REQUEST_READING && announced_bytes(request) > OD_MHD_BODY_BYTES) {
        refuse_large(request);
    }
}

// Whether an answer that is known before the body may be sent before the body is read. MHD then
// closes the connection, and a client that is still writing would get a reset instead of the
// answer; so bodies of bearable size are read first, unless the client waits for "100 Continue".
static bool may_answer_early(const od_request *request) {
    const char *chunked = od_request_header(request, "Transfer-Encoding");
    return od_request_header(request, "Expect") != NULL ||
           (chunked == NULL && announced_bytes(request) == 0) ||
           announced_bytes(request) > DISCARD_BYTES;
}

static enum MHD_Result take_body(od_request *request, const char *data, size_t size) {
    if (request->phase != OD_REQUEST_READING) {
        request->discarded += size;
        return request->discarded <= DISCARD_BYTES ? MHD_YES : MHD_NO;
    }
    if (size > OD_MHD_BODY_BYTES - request->body.size) {
        refuse_large(request);
        return MHD_YES;
    }
    if (od_buffer_append(&request->body, data, size) != OD_OK) {
        refuse(request, NULL);
    }
    return MHD_YES;
}

static od_response *with_standard_headers(od_response *response) {
    for (size_t i = 0; i < sizeof standard_headers / sizeof standard_headers[0]; i++) {
        response =
            od_response_header(response, standard_headers[i].name, standard_headers[i].value);
    }
    if (response != NULL && MHD_get_response_header(response->mhd, "Cache-Control") == NULL) {
        response = od_response_header(response, "Cache-Control", "no-store");
    }
    return response;
}

static od_response *without_memory(void) {
    static const char body[] = "{\"type\": \"/problems/internal\", \"title\": \"A fault of the "
                               "server\", \"status\": 500, \"detail\": \"out of memory\"}";
    return od_response_static(500, "application/problem+json", body, sizeof body - 1);
}

static enum MHD_Result send_answer(od_request *request) {
    od_response *response = with_standard_headers(request->response);
    request->response = NULL;
    if (response == NULL) {
        response = without_memory();
    }
    if (response == NULL) {
        return MHD_NO;
    }
    od_log(OD_LOG_DEBUG, "request", "status=%u target=%.512s", response->status, request->target);
    od_response_attach(response, request);
    od_mhd_await_request(request->listener, request->connection, false);
    enum MHD_Result result =
        MHD_queue_response(request->connection, response->status, response->mhd);
    od_response_free(response);
    return result;
}

static void dispatch(od_request *request) {
    if (request->mhd->closing) { // nobody would resume it
        refuse_stopping(request);
        return;
    }
    request->phase = OD_REQUEST_HANDLED;
    request->held = true;
    od_mhd_await_request(request->listener, request->connection, false);
    request->route->handler(request);
    if (request->phase == OD_REQUEST_HANDLED) {
        request->suspended = true;
        LIST_INSERT_HEAD(&request->mhd->suspended, request, link);
        MHD_suspend_connection(request->connection);
    }
}

enum MHD_Result od_request_on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                     const char *method, const char *version, const char *data,
                                     size_t *data_size, void **context) {
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    od_request *request = *context;
    if (request == NULL) {
        return MHD_NO;
    }
    if (request->phase == OD_REQUEST_NEW) {
        begin(request, method);
        bool now = request->phase == OD_REQUEST_ANSWERED && may_answer_early(request);
        return now ? send_answer(request) : MHD_YES;
    }
    if (*data_size > 0) {
        size_t size = *data_size;
        *data_size = 0;
        return take_body(request, data, size);
    }
    if (request->phase == OD_REQUEST_READING) {
        dispatch(request);
    }
    return request->phase == OD_REQUEST_ANSWERED ? send_answer(request) : MHD_YES;
}

static void resume(od_request *request) {
    request->suspended = false;
    LIST_REMOVE(request, link);
    od_mhd_resume(request->listener, request->connection);
}

void od_request_answer(od_request *request, od_response *response) {
    request->held = false;
    if (request->phase == OD_REQUEST_ANSWERED) { // abandoned
        od_response_free(response);
        if (request->connection == NULL) {
            free_request(request);
        }
        return;
    }
    request->response = response;
    request->phase = OD_REQUEST_ANSWERED;
    if (request->suspended) {
        resume(request);
    }
}

void od_request_abandon(od_request *request) {
    refuse_stopping(request);
    resume(request);
}

void od_request_on_completed(void *cls, struct MHD_Connection *connection, void **context,
                             enum MHD_RequestTerminationCode why) {
    (void)cls;
    (void)why;
    od_mhd_await_request(cls, connection, true);
    od_request *request = *context;
    *context = NULL;
    if (request == NULL) {
        return;
    }
    request->connection = NULL;
    if (!request->held) {
        free_request(request);
    }
}
