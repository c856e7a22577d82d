// SPDX-License-Identifier: Apache-2.0
// In brackets: the one beside this file is another.
#include <config.h>

#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum { PORT_DIGITS_MAX = 5 };

void od_listen_name(char out[OD_LISTEN_NAME_BYTES], const struct sockaddr *address) {
    char host[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(out, OD_LISTEN_NAME_BYTES, "%s:%d", host, ntohs(in->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(out, OD_LISTEN_NAME_BYTES, "[%s]:%d", host, ntohs(in6->sin6_port));
    } else {
        const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
        bool abstract = path[0] == '\0';
        snprintf(out, OD_LISTEN_NAME_BYTES, "unix:%s%s", abstract ? "@" : "", path + abstract);
    }
}

bool od_listen_is_local(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return address->sa_family == AF_UNIX;
}

bool od_listen_is_wildcard(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return in->sin_addr.s_addr == htonl(INADDR_ANY);
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

// --- --listen ------------------------------------------------------------------------------

static od_status parse_unix(const char *path, od_listen *out, od_error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path == '\0' || strlen(path) >= sizeof address.sun_path) {
        return od_error_set(error, OD_E_INVALID,
                            "--listen unix:%s: the path must have 1 to %zu characters", path,
                            sizeof address.sun_path - 1);
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    memcpy(&out->address, &address, sizeof address);
    out->address_bytes = sizeof address;
    return OD_OK;
}

// Cuts "HOST:PORT" or "[HOST]:PORT". false: it is neither.
static bool cut_port(char *text, char **host, uint16_t *port) {
    char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || strlen(colon + 1) == 0 || strlen(colon + 1) > PORT_DIGITS_MAX ||
        colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    long number = strtol(colon + 1, &end, 10);
    *colon = '\0';
    *host = text;
    *port = (uint16_t)number;
    size_t length = strlen(text);
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text[length - 1] = '\0';
        *host = text + 1;
    }
    return *end == '\0' && number <= 65535;
}

// false: host is no numeric address.
static bool fill_address(const char *host, uint16_t port, od_listen *out) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&out->address, &v4, sizeof v4);
        out->address_bytes = sizeof v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(&out->address, &v6, sizeof v6);
        out->address_bytes = sizeof v6;
        return true;
    }
    return false;
}

static od_status parse_tcp(const char *value, od_listen *out, od_error *error) {
    char text[128];
    char *host;
    uint16_t port;
    if (snprintf(text, sizeof text, "%s", value) >= (int)sizeof text ||
        !cut_port(text, &host, &port)) {
        return od_error_set(error, OD_E_INVALID,
                            "--listen %s: is not ADDRESS:PORT (127.0.0.1:8420) or unix:PATH",
                            value);
    }
    if (!fill_address(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, out)) {
        return od_error_set(error, OD_E_INVALID,
                            "--listen %s: the address must be numeric, such as 127.0.0.1:8420",
                            value);
    }
    return OD_OK;
}

od_status od_listen_parse(const char *value, od_listen *out, od_error *error) {
    *out = (od_listen){.fd = -1};
    if (*value == '\0' ||
        snprintf(out->text, sizeof out->text, "%s", value) >= (int)sizeof out->text) {
        return od_error_set(error, OD_E_INVALID, "--listen: the address is empty or too long");
    }
    return strncmp(value, "unix:", 5) == 0 ? parse_unix(value + 5, out, error)
                                           : parse_tcp(value, out, error);
}

// --- --host --------------------------------------------------------------------------------

static bool is_host_name(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < OD_LISTEN_HOST_BYTES && name[0] != '.' && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
               length;
}

// Cuts "NAME", "ADDRESS", "[ADDRESS]" and each with ":PORT". false: it is none of them.
static bool cut_host(char *text, char **host, uint16_t *port) {
    struct in6_addr v6;
    size_t length = strlen(text);
    *host = text;
    if (inet_pton(AF_INET6, text, &v6) == 1 || strchr(text, ':') == NULL) {
        return true;
    }
    if (text[0] == '[' && text[length - 1] == ']') {
        text[length - 1] = '\0';
        *host = text + 1;
        return true;
    }
    return cut_port(text, host, port) && *port != 0;
}

// An address is written in the one way that guard.c compares with.
od_status od_listen_parse_host(const char *value, od_listen_host *out, od_error *error) {
    char text[OD_LISTEN_HOST_BYTES + PORT_DIGITS_MAX + 3];
    char *host;
    struct in6_addr v6;
    *out = (od_listen_host){0};
    if (snprintf(text, sizeof text, "%s", value) < (int)sizeof text &&
        cut_host(text, &host, &out->port)) {
        if (inet_pton(AF_INET6, host, &v6) == 1) {
            inet_ntop(AF_INET6, &v6, out->name, sizeof out->name);
            return OD_OK;
        }
        if (is_host_name(host)) {
            snprintf(out->name, sizeof out->name, "%s", host);
            return OD_OK;
        }
    }
    return od_error_set(error, OD_E_INVALID,
                        "--host %s: is no name or address, with :PORT behind it or without", value);
}

// --- sockets from the service manager ------------------------------------------------------

// Returns what is wrong with the kind of fd, or NULL.
static const char *find_fault(int fd, const struct sockaddr_storage *address) {
    int type = 0;
    int listens = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        return "it is no socket; the socket unit must have ListenStream= alone";
    }
    if (type != SOCK_STREAM) {
        return "it is no stream socket; the socket unit must have ListenStream= alone";
    }
    if (address->ss_family != AF_INET && address->ss_family != AF_INET6 &&
        address->ss_family != AF_UNIX) {
        return "it is neither of TCP nor of unix";
    }
    size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
        return "it does not listen; the socket unit must not have Accept=yes";
    }
    return NULL;
}

od_status od_listen_adopt(int fd, od_listen *out, od_error *error) {
    *out = (od_listen){.fd = fd, .address_bytes = sizeof out->address};
    bool named = getsockname(fd, (struct sockaddr *)&out->address, &out->address_bytes) == 0;
    const char *fault = find_fault(fd, &out->address);
    if (fault != NULL) {
        return od_error_set(error, OD_E_INVALID,
                            "file descriptor %d, from the service manager ($LISTEN_FDS): %s", fd,
                            fault);
    }
    if (!named) {
        return od_error_set_errno(error, errno, "file descriptor %d: has no address", fd);
    }
    char name[OD_LISTEN_NAME_BYTES];
    od_listen_name(name, (const struct sockaddr *)&out->address);
    snprintf(out->text, sizeof out->text, "%s", name);
    return OD_OK;
}

od_status od_listen_handed_over(od_listen *out, size_t max, size_t *count, od_error *error) {
    *count = 0;
#ifdef HAVE_SYSTEMD
    int handed = sd_listen_fds(true);
    if (handed < 0) {
        return od_error_set_errno(error, -handed, "$LISTEN_FDS: cannot be used");
    }
    if ((size_t)handed > max) {
        return od_error_set(error, OD_E_INVALID,
                            "the service manager hands over %d sockets; %zu are the most", handed,
                            max);
    }
    for (int i = 0; i < handed; i++) {
        OD_TRY(od_listen_adopt(SD_LISTEN_FDS_START + i, &out[i], error));
    }
    *count = (size_t)handed;
#else
    (void)out, (void)max, (void)error;
#endif
    return OD_OK;
}
