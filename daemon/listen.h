// SPDX-License-Identifier: Apache-2.0
// Where orthod listens: what --listen says, or the sockets that a service manager has opened and
// handed over (systemd's socket activation); and by which names clients ask for it (--host). What
// is safe to listen on depends on the other options too: see od_config_check_listen.
#ifndef OD_DAEMON_LISTEN_H
#define OD_DAEMON_LISTEN_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { OD_LISTEN_NAME_BYTES = 160, OD_LISTEN_HOST_BYTES = 256 };

typedef struct od_listen {
    char text[PATH_MAX]; // as it was given; of a socket that was handed over, its name
    int fd;              // the socket that was handed over; -1: one has to be made
    struct sockaddr_storage address;
    socklen_t address_bytes;
} od_listen;

// A name or a numeric address without brackets, and its port; 0: the listening one.
typedef struct od_listen_host {
    char name[OD_LISTEN_HOST_BYTES];
    uint16_t port;
} od_listen_host;

// Reads "127.0.0.1:8420", "[::1]:8420", "localhost:0" or "unix:/run/orthod.sock". OD_E_INVALID: it
// is something else.
od_status od_listen_parse(const char *value, od_listen *out, od_error *error) OD_MUST_CHECK;

// Fills out with what fd is, which stays open in every case and the caller's. OD_E_INVALID: fd is
// no listening stream socket of TCP or unix; the error says which of these, and what in the socket
// unit is wrong.
od_status od_listen_adopt(int fd, od_listen *out, od_error *error) OD_MUST_CHECK;

// Reads "lab.example", "10.0.0.5", "[fd00::5]", "fd00::5", each but the last with ":8420" behind it
// or not. OD_E_INVALID: it is something else.
od_status od_listen_parse_host(const char *value, od_listen_host *out,
                               od_error *error) OD_MUST_CHECK;

// Whether only this machine reaches the address; whether it is all of this machine's addresses.
bool od_listen_is_local(const struct sockaddr *address);
bool od_listen_is_wildcard(const struct sockaddr *address);

// The sockets that $LISTEN_FDS and $LISTEN_PID hand over to this process, which are close-on-exec
// from then on; the variables are taken out of the environment. *count is 0 when there are none,
// as in every build without libsystemd. OD_E_INVALID: more than max, or one that od_listen_adopt
// refuses. To be called before this process opens any file.
od_status od_listen_handed_over(od_listen *out, size_t max, size_t *count,
                                od_error *error) OD_MUST_CHECK;

// "127.0.0.1:8420", "[::1]:8420", "unix:/run/orthod.sock", "unix:@name" for a name without a file.
void od_listen_name(char out[OD_LISTEN_NAME_BYTES], const struct sockaddr *address);

#endif
