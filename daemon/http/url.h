// SPDX-License-Identifier: Apache-2.0
// A request target cut into path segments and query parameters, each percent-decoded exactly once.
// "." and ".." stay what they are: names that no route and no file has.
#ifndef OD_HTTP_URL_H
#define OD_HTTP_URL_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { OD_URL_MAX_SEGMENTS = 16, OD_URL_MAX_PARAMETERS = 32 };

typedef struct od_url_parameter {
    const char *name;
    const char *value; // "" when there is no '='
} od_url_parameter;

typedef struct od_url {
    char *storage; // what the strings below point into
    const char *segments[OD_URL_MAX_SEGMENTS];
    size_t segment_count; // "/a/b" has 2, "/" has 1 that is ""
    od_url_parameter parameters[OD_URL_MAX_PARAMETERS];
    size_t parameter_count;
} od_url;

// Reads an origin-form ("/a?b=c") or absolute-form ("http://host/a") target. OD_E_INVALID for a
// bad escape, a NUL, text that is not UTF-8, too many segments or parameters. out is always safe
// to hand to od_url_fini.
od_status od_url_parse(const char *target, od_url *out, od_error *error) OD_MUST_CHECK;
void od_url_fini(od_url *url);

// The value of the first parameter called name, or NULL.
const char *od_url_parameter_value(const od_url *url, const char *name);

// Appends text with everything percent-encoded that a query value cannot hold.
od_status od_url_escape(od_buffer *out, const char *text) OD_MUST_CHECK;

// Whether size bytes are UTF-8 without surrogates and overlong forms.
bool od_url_is_utf8(const char *bytes, size_t size);

#endif
