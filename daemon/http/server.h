// SPDX-License-Identifier: Apache-2.0
// The HTTP server inside the loop: the routes of daemon/api/routes.c on libmicrohttpd.
#ifndef OD_DAEMON_HTTP_SERVER_H
#define OD_DAEMON_HTTP_SERVER_H

#include "daemon/daemon.h"

// Listens on every address of daemon->config, or takes the socket that stands there. Requests are answered from then on; /readyz says 503
// until daemon->ready. An address that cannot be had is one clear line in error.
od_status od_http_new(od_daemon *daemon, od_http **out, od_error *error) OD_MUST_CHECK;

// Logs every address: once nothing can go wrong any more, so that a start that fails says one line.
void od_http_announce(const od_http *http);

// Stops listening and ends all connections. Its handles close on the loop, then the memory is
// freed. NULL is fine.
void od_http_close(od_http *http);

#endif
