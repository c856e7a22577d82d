// SPDX-License-Identifier: Apache-2.0
// libmicrohttpd inside the libuv loop: its epoll descriptor is polled, its timeouts are a uv_timer,
// and nothing of it runs on another thread. One MHD daemon for each listening address.
//
// It knows requests, routes and connections, and nothing of jobs: see server.h for those.
#ifndef OD_HTTP_MHD_H
#define OD_HTTP_MHD_H

#include "base/error.h"
#include "daemon/http/auth.h"
#include "daemon/http/http.h"
#include "daemon/http/tls.h"
#include "daemon/listen.h"

#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

typedef struct od_mhd od_mhd;

enum {
    OD_MHD_BODY_BYTES = 1 << 20,                 // a larger body is 413
    OD_MHD_ADDRESS_BYTES = OD_LISTEN_NAME_BYTES, // of od_mhd_address
    OD_MHD_CONNECTIONS = 10000, // of one listener, or what the open-files limit leaves room for
};

typedef struct od_mhd_config {
    uv_loop_t *loop;
    const od_route *routes; // kept, not copied
    size_t route_count;
    void *context;               // od_request_context
    od_auth *auth;               // NULL: everybody may do everything
    const od_tls *tls;           // of all but unix sockets; NULL: nothing is encrypted
    int64_t request_timeout_s;   // from a connection's beginning to a whole request; 0: none
    const od_listen_host *hosts; // that clients ask for; kept, not copied
    size_t host_count;
} od_mhd_config;

od_status od_mhd_new(const od_mhd_config *config, od_mhd **out, od_error *error) OD_MUST_CHECK;

// Listens on one more IPv4, IPv6 or unix address and logs `msg="listening" address=127.0.0.1:8420`
// with the port that it got. A unix socket is made with mode 0600; one that nobody answers on any
// more is replaced. OD_E_BUSY: somebody else listens there.
od_status od_mhd_listen(od_mhd *mhd, const struct sockaddr *address, socklen_t size,
                        od_error *error) OD_MUST_CHECK;

// The same with a socket that listens already, which is taken in every case. Of a unix socket, the
// file stays when it stops: who made it removes it.
od_status od_mhd_adopt(od_mhd *mhd, int fd, od_error *error) OD_MUST_CHECK;

// Logs every address.
void od_mhd_announce(const od_mhd *mhd);

// Where listener index listens ("127.0.0.1:8420", "unix:/run/orthod.sock"), or NULL.
const char *od_mhd_address(const od_mhd *mhd, size_t index);

// Stops listening, answers open requests with 503, ends streams and connections. Handlers that are
// still at work answer later into nothing. Handles close on the loop, then the memory is freed.
// NULL is fine.
void od_mhd_close(od_mhd *mhd);

#endif
