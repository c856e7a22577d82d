// SPDX-License-Identifier: Apache-2.0
// application/problem+json (RFC 9457) as one line.
#ifndef OD_CLI_PROBLEM_H
#define OD_CLI_PROBLEM_H

#include "base/buffer.h"

// Appends "TITLE: DETAIL; POINTER: DETAIL | POINTER: DETAIL", sanitised. A body that is no problem
// (another program answers there) becomes a sentence that says so and has the HTTP status.
od_status od_problem_line(od_buffer *out, long http_status, const char *body,
                          size_t size) OD_MUST_CHECK;

#endif
