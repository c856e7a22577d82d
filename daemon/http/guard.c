// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/guard.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void od_guard_init(od_guard *guard, const struct sockaddr *address, const od_listen_host *hosts,
                   size_t host_count) {
    *guard = (od_guard){.hosts = hosts, .host_count = host_count};
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

// Cuts "name", "name:port", "[v6]" or "[v6]:port". *port is 0 when there is none; it has one
// spelling: no zeros in front.
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
    *port = 0;
    if (rest[0] == '\0') {
        return true;
    }
    char *stop = NULL;
    *port = rest[0] == ':' && rest[1] >= '1' && rest[1] <= '9' ? strtol(rest + 1, &stop, 10) : -1;
    return stop != NULL && *stop == '\0';
}

// A port that is not there is the scheme's own. Which scheme that was a proxy in front knows alone.
static bool is_port(long port, uint16_t wanted) {
    return port == wanted || (port == 0 && (wanted == 80 || wanted == 443));
}

static bool is_listed(const od_guard *guard, const char *name, long port) {
    for (size_t i = 0; i < guard->host_count; i++) {
        const od_listen_host *host = &guard->hosts[i];
        if (strcasecmp(name, host->name) == 0 &&
            is_port(port, host->port != 0 ? host->port : guard->port)) {
            return true;
        }
    }
    return false;
}

bool od_guard_host_is_own(const od_guard *guard, const char *host) {
    char name[OD_LISTEN_HOST_BYTES];
    long port = 0;
    if (guard->any) {
        return true;
    }
    if (host == NULL || !split_host(host, name, sizeof name, &port)) {
        return false;
    }
    const char *const own[] = {"localhost", "127.0.0.1", "::1", guard->address};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcasecmp(name, own[i]) == 0 && is_port(port, guard->port)) {
            return true;
        }
    }
    return is_listed(guard, name, port);
}

bool od_guard_same_origin(const char *host, const char *origin, const char *site) {
    if (site != NULL && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0) {
        return false;
    }
    if (origin == NULL) {
        return true;
    }
    // https is what a page has that came by TLS, from here or from a proxy in front of this server.
    const char *rest = strncasecmp(origin, "http://", 7) == 0    ? origin + 7
                       : strncasecmp(origin, "https://", 8) == 0 ? origin + 8
                                                                 : NULL;
    return rest != NULL && host != NULL && strcasecmp(rest, host) == 0;
}
