// SPDX-License-Identifier: Apache-2.0
// Keeps other people's web pages away from a server, whether it wants tokens or not: the Host
// header must name this server (against DNS rebinding), and an unsafe request must come from its
// own pages or from no page at all (against cross-site requests).
#ifndef OD_HTTP_GUARD_H
#define OD_HTTP_GUARD_H

#include "daemon/listen.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct od_guard {
    char address[INET6_ADDRSTRLEN]; // the listening address
    uint16_t port;
    const od_listen_host *hosts; // of --host, kept, not copied
    size_t host_count;
    bool any; // a unix socket: no browser connects to it, so every Host is fine
} od_guard;

// address is what the listening socket is bound to.
void od_guard_init(od_guard *guard, const struct sockaddr *address, const od_listen_host *hosts,
                   size_t host_count);

// host is the Host header, NULL when there is none. Allowed are localhost, 127.0.0.1, [::1] and
// the listening address, with the listening port, and what --host lists. A header without a port
// stands for 80 and 443, as in a URL.
bool od_guard_host_is_own(const od_guard *guard, const char *host);

// origin is the Origin header, site the Sec-Fetch-Site header; both NULL when absent.
bool od_guard_same_origin(const char *host, const char *origin, const char *site);

#endif
