// SPDX-License-Identifier: Apache-2.0
// What mhd.c, request.c and response.c share; nobody else includes it.
#ifndef OD_HTTP_PRIVATE_H
#define OD_HTTP_PRIVATE_H

#include "base/buffer.h"
#include "base/schema.h"
#include "daemon/http/guard.h"
#include "daemon/http/http.h"
#include "daemon/http/mhd.h"
#include "daemon/http/url.h"

#include <microhttpd.h>
#include <sys/queue.h>
#include <uv.h>

typedef struct od_listener od_listener;

struct od_stream {
    od_stream_read *read;
    od_stream_close *close;
    void *context;
    od_listener *listener;
    struct MHD_Connection *connection; // NULL until the response is queued
    bool waiting;                      // suspended until od_stream_wake
    bool ending;                       // nothing more is read
    bool guarded;                      // it ends when caller loses the role needed
    od_caller caller;
    od_role needed;
    LIST_ENTRY(od_stream) link; // in od_mhd.streams once queued
};

struct od_response {
    struct MHD_Response *mhd;
    unsigned status;
    unsigned owners;
    size_t size;       // of a body in memory
    od_stream *stream; // owned by mhd; NULL for most
};

// How far a request has come:
//   NEW → READING [begin] → HANDLED [dispatch] → ANSWERED [od_request_answer, od_request_abandon]
//   NEW, READING → ANSWERED [refuse: a problem that needs no handler]
typedef enum od_request_phase {
    OD_REQUEST_NEW,
    OD_REQUEST_READING,
    OD_REQUEST_HANDLED,
    OD_REQUEST_ANSWERED,
} od_request_phase;

// Freed when MHD has given it up and no handler holds it.
struct od_request {
    od_mhd *mhd;
    od_listener *listener;
    struct MHD_Connection *connection; // NULL once MHD has given the request up
    od_request_phase phase;
    bool held;      // a handler has it and has not answered
    bool suspended; // its connection waits for the answer
    od_method method;
    const od_route *route;
    od_caller caller; // where the server has tokens
    char *target;
    od_url url;
    od_buffer body;
    od_faults faults; // of its parameters
    bool no_memory;   // for one of them
    size_t discarded; // bytes of a refused body that were read and thrown away
    od_response *response;
    LIST_ENTRY(od_request) link; // in od_mhd.suspended while suspended
};

// A connection that a request is awaited on. Whoever sends one byte now and then is never idle, so
// the whole request has a time limit from the connection's beginning, or the last answer's end.
typedef struct od_connection {
    int fd;
    int64_t since_ms;
    bool waiting;
    LIST_ENTRY(od_connection) link;
} od_connection;

struct od_listener {
    od_mhd *mhd;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_timer_t sweep; // runs while there are connections
    LIST_HEAD(, od_connection) connections;
    int open_handles;
    bool resumed; // a connection was, so that MHD has work that no descriptor tells of
    od_guard guard;
    bool encrypted;
    bool open;       // to other machines
    char *unix_path; // removed when the listener stops; NULL for TCP
    char name[OD_MHD_ADDRESS_BYTES];
    LIST_ENTRY(od_listener) link;
};

// Freed with its last listener.
struct od_mhd {
    od_mhd_config config;
    unsigned connections; // limit of one listener
    bool closing;
    LIST_HEAD(, od_listener) listeners;
    LIST_HEAD(, od_request) suspended;
    LIST_HEAD(, od_stream) streams;
};

// Has a suspended connection of the listener served again.
void od_mhd_resume(od_listener *listener, struct MHD_Connection *connection);

// Whether a whole request is awaited on the connection, from now on.
void od_mhd_await_request(od_listener *listener, struct MHD_Connection *connection, bool waiting);

// MHD's callbacks for requests; cls is the od_listener.
void *od_request_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result od_request_on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                     const char *method, const char *version, const char *data,
                                     size_t *data_size, void **context);
void od_request_on_completed(void *cls, struct MHD_Connection *connection, void **context,
                             enum MHD_RequestTerminationCode why);
// Answers a suspended request with 503 while its handler is still at work.
void od_request_abandon(od_request *request);

// Ties a stream's response to the request that it answers, before MHD_queue_response.
void od_response_attach(od_response *response, const od_request *request);
// Ends the stream: it is woken and reads its end.
void od_response_end_stream(od_stream *stream);

#endif
