// SPDX-License-Identifier: Apache-2.0
#include "cli/url.h"

#include <string.h>

od_status od_url_escape(od_buffer *url, const char *text) {
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(unreserved, *text) != NULL) {
            OD_TRY(od_buffer_append(url, text, 1));
        } else {
            OD_TRY(od_buffer_printf(url, "%%%02X", (unsigned char)*text));
        }
    }
    return OD_OK;
}

od_status od_url_add(od_buffer *url, const char *key, const char *value) {
    if (value == NULL) {
        return OD_OK;
    }
    OD_TRY(od_buffer_append(url, strchr(url->data, '?') == NULL ? "?" : "&", 1));
    OD_TRY(od_url_escape(url, key));
    OD_TRY(od_buffer_append(url, "=", 1));
    return od_url_escape(url, value);
}
