// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/guard.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void od_guard_init(od_guard *guard, const struct sockaddr *address) {
    *guard = (od_guard){0};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, guard->address, sizeof guard->address);
        guard->port = ntohs(in->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, guard->address, sizeof guard->address);
        guard->port = ntohs(in6->sin6_port);
    } else {
        guard->any = true;
    }
}

// Cuts "name", "name:port", "[v6]" or "[v6]:port". The port defaults to 80, http's own, and has
// one spelling: no zeros in front.
static bool split_host(const char *host, char *name, size_t name_bytes, long *port) {
    bool bracket = host[0] == '[';
    const char *end = bracket ? strchr(host, ']') : host + strcspn(host, ":");
    const char *from = bracket ? host + 1 : host;
    if (end == NULL || end == from || (size_t)(end - from) >= name_bytes) {
        return false;
    }
    memcpy(name, from, (size_t)(end - from));
    name[end - from] = '\0';
    const char *rest = bracket ? end + 1 : end;
    *port = 80;
    if (rest[0] == '\0') {
        return true;
    }
    char *stop = NULL;
    *port = rest[0] == ':' && rest[1] >= '1' && rest[1] <= '9' ? strtol(rest + 1, &stop, 10) : -1;
    return stop != NULL && *stop == '\0';
}

bool od_guard_host_is_own(const od_guard *guard, const char *host) {
    char name[256];
    long port = 0;
    if (guard->any) {
        return true;
    }
    if (host == NULL || !split_host(host, name, sizeof name, &port) || port != guard->port) {
        return false;
    }
    static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcasecmp(name, own[i]) == 0) {
            return true;
        }
    }
    return strcasecmp(name, guard->address) == 0;
}

bool od_guard_same_origin(const char *host, const char *origin, const char *site) {
    if (site != NULL && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0) {
        return false;
    }
    if (origin == NULL) {
        return true;
    }
    // https is what a page has that came through a TLS proxy in front of this server.
    const char *rest = strncasecmp(origin, "http://", 7) == 0    ? origin + 7
                       : strncasecmp(origin, "https://", 8) == 0 ? origin + 8
                                                                 : NULL;
    return rest != NULL && host != NULL && strcasecmp(rest, host) == 0;
}
