// SPDX-License-Identifier: Apache-2.0
// Whether a folder may hold the state. SQLite's write-ahead log is an index in memory that all its
// readers share, and one daemon for one state directory is kept by a lock: a file system that
// several machines mount promises neither.
#ifndef OD_DAEMON_FILESYSTEM_H
#define OD_DAEMON_FILESYSTEM_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { OD_FILESYSTEM_TYPE_BYTES = 64 };

// OD_E_UNSUPPORTED: folder lies on a network file system; the error says which, why that does not
// do, and what to do. What cannot be found out is fine.
od_status od_filesystem_check(const char *folder, od_error *error) OD_MUST_CHECK;

// The name of a network file system with this statfs(2) magic, or NULL: it is a local one. type is
// what mountinfo calls it, which alone tells network from local ones in user space ("fuse.sshfs").
const char *od_filesystem_network(uint64_t magic, const char *type);

// Finds the type of device's file system in the text of /proc/self/mountinfo; "" when it is not in
// there.
void od_filesystem_type(const char *mountinfo, dev_t device, char out[OD_FILESYSTEM_TYPE_BYTES]);

#endif
