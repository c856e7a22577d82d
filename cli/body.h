// SPDX-License-Identifier: Apache-2.0
// What is submitted: a file's contents and the route that they belong to.
#ifndef OD_CLI_BODY_H
#define OD_CLI_BODY_H

#include "base/buffer.h"
#include "base/error.h"

typedef enum od_body_kind {
    OD_BODY_SPEC,       // JSON, a job
    OD_BODY_EXPERIMENT, // JSON with "base" or "vary"
    OD_BODY_RECIPE,     // anything else: YAML of the reference implementation
} od_body_kind;

enum { OD_BODY_BYTES_MAX = 1 << 20 };

// Appends the file, or standard input for "-". OD_E_TOO_LARGE beyond OD_BODY_BYTES_MAX.
od_status od_body_read(const char *path, od_buffer *out, od_error *error) OD_MUST_CHECK;

// By content: JSON begins with '{'. OD_E_SYNTAX with line and column for what then is no JSON.
od_status od_body_kind_of(const od_buffer *body, od_body_kind *out, od_error *error) OD_MUST_CHECK;

// Sets the dotted path in "KEY=VALUE" in a JSON body (below "base" in an experiment), making the
// objects above it. VALUE is JSON, or else a string. OD_E_INVALID when it is no KEY=VALUE.
od_status od_body_set(od_buffer *body, od_body_kind kind, const char *setting,
                      od_error *error) OD_MUST_CHECK;

#endif
