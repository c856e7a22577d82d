// SPDX-License-Identifier: Apache-2.0
// What a handler sees of HTTP: a request, a response, and a row of the route table.
//
// A handler runs on the loop's thread and answers exactly once, before it returns or later: it
// calls od_request_answer. Until then the request is the handler's, also when the client has left
// or the server stops. Responses may be built on any thread.
#ifndef OD_HTTP_HTTP_H
#define OD_HTTP_HTTP_H

#include "base/error.h"
#include "daemon/http/tokens.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct od_request od_request;
typedef struct od_response od_response;

enum { OD_REQUEST_CLIENT_BYTES = 48 };

typedef enum od_method {
    OD_METHOD_GET = 1 << 0,
    OD_METHOD_HEAD = 1 << 1,
    OD_METHOD_POST = 1 << 2,
    OD_METHOD_PUT = 1 << 3,
    OD_METHOD_PATCH = 1 << 4,
    OD_METHOD_DELETE = 1 << 5,
    OD_METHOD_OPTIONS = 1 << 6,
    OD_METHOD_OTHER = 1 << 7,
} od_method;

typedef void od_handler(od_request *request);

typedef enum od_route_flag {
    OD_ROUTE_JSON = 1 << 0,      // has a JSON body; another Content-Type is 415
    OD_ROUTE_ANY_QUERY = 1 << 1, // unknown query parameters are not looked at
    OD_ROUTE_YAML = 1 << 2,      // its body may be YAML as well; the handler then looks at unknown
                                 // query parameters itself
} od_route_flag;

// pattern: segments parted by '/', "{x}" stands for one non-empty segment, "*" at the end for all
// that is left. query: the allowed parameters' names, parted by spaces; NULL: none.
typedef struct od_route {
    od_method method; // GET serves HEAD too
    const char *pattern;
    od_handler *handler;
    unsigned flags;
    const char *query;
    od_role role; // the least that is needed, where the server has tokens
} od_route;

// --- the request ----------------------------------------------------------------------------

// What od_server_new was given for the handlers.
void *od_request_context(const od_request *request);
od_method od_request_method(const od_request *request);
// Path segment index, decoded ("jobs" is segment 2 of /api/v1/jobs), or NULL.
const char *od_request_segment(const od_request *request, size_t index);
size_t od_request_segment_count(const od_request *request);
// Query parameter, decoded; NULL when it is not there.
const char *od_request_query(const od_request *request, const char *name);
// Query parameter index in the order of the URL; false behind the last one.
bool od_request_parameter(const od_request *request, size_t index, const char **name,
                          const char **value);
const char *od_request_header(const od_request *request, const char *name);
// Whether the client's side is encrypted, by this server or by a proxy in front of it.
bool od_request_is_encrypted(const od_request *request);
// The client's address without its port, "unix" through a unix socket. Behind a proxy, the proxy's.
void od_request_client(const od_request *request, char out[OD_REQUEST_CLIENT_BYTES]);
// Notes what is wrong with a parameter or header, so that all of it can be told at once.
void od_request_fault(od_request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Whether nothing was noted; when something was, a parameter that the route does not have too, it
// answers. A handler of a route with parameters asks this once it has read them.
bool od_request_is_sound(od_request *request);
// Whether the Content-Type is one of YAML's, on a route that takes it.
bool od_request_is_yaml(const od_request *request);
// The body; NUL-terminated behind its size bytes; never NULL.
const char *od_request_body(const od_request *request, size_t *size);
// The target as the client wrote it, for messages.
const char *od_request_target(const od_request *request);

// Consumes response; NULL stands for "no memory" (500).
void od_request_answer(od_request *request, od_response *response);

// --- the response ---------------------------------------------------------------------------
// All return NULL without memory.

// Takes body (malloc'ed), also on failure. content_type may be NULL for an empty body.
od_response *od_response_take(unsigned status, const char *content_type, char *body, size_t size);
// Borrows body, which must live as long as the program.
od_response *od_response_static(unsigned status, const char *content_type, const void *body,
                                size_t size);
// Prints value, which stays the caller's. value may be NULL: no memory.
od_response *od_response_json(unsigned status, const cJSON *value);
od_response *od_response_empty(unsigned status);
// Takes fd; size bytes from offset on.
od_response *od_response_file(unsigned status, const char *content_type, int fd, uint64_t offset,
                              uint64_t size);

// Adds a header and returns response; NULL in gives NULL out, so that calls can be nested. A name
// that is there already is replaced.
od_response *od_response_header(od_response *response, const char *name, const char *value);
od_response *od_response_header_printf(od_response *response, const char *name, const char *format,
                                       ...) __attribute__((format(printf, 3, 4)));
unsigned od_response_status(const od_response *response);
// Bytes of a body in memory; 0 for others.
size_t od_response_size(const od_response *response);
// One more owner of response: each frees it, or hands it to od_request_answer. On the loop's thread.
od_response *od_response_share(od_response *response);
void od_response_free(od_response *response);

// --- endless responses ----------------------------------------------------------------------

typedef struct od_stream od_stream;

enum { OD_STREAM_WAIT = 0, OD_STREAM_END = -1 };

// Called on the loop's thread when the client can take up to max bytes: fills out and returns how
// many, or OD_STREAM_WAIT (od_stream_wake calls it again), or OD_STREAM_END.
typedef ssize_t od_stream_read(void *context, char *out, size_t max);
// Called once, when the connection is over for whatever reason, also if nothing was ever read.
typedef void od_stream_close(void *context);

// *stream is valid until close is called.
od_response *od_response_stream(const char *content_type, od_stream_read *read,
                                od_stream_close *close, void *context, od_stream **stream);
// Has read called soon. Does nothing on a stream that is not waiting.
void od_stream_wake(od_stream *stream);

#endif
