// SPDX-License-Identifier: Apache-2.0
// Tells a service manager how the daemon is, by its protocol: one datagram to $NOTIFY_SOCKET.
#ifndef OD_DAEMON_NOTIFY_H
#define OD_DAEMON_NOTIFY_H

// state is "READY=1" or "STOPPING=1". Nothing happens without a $NOTIFY_SOCKET; what cannot be sent
// is logged.
void od_notify_send(const char *state);

#endif
