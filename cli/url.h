// SPDX-License-Identifier: Apache-2.0
// Paths with query parameters, percent-encoded (RFC 3986).
#ifndef OD_CLI_URL_H
#define OD_CLI_URL_H

#include "base/buffer.h"

// Appends text with everything but unreserved characters encoded.
od_status od_url_escape(od_buffer *url, const char *text) OD_MUST_CHECK;

// Appends "?key=value" or, behind the first one, "&key=value". A NULL value adds nothing.
od_status od_url_add(od_buffer *url, const char *key, const char *value) OD_MUST_CHECK;

#endif
