// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/url.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool od_url_is_utf8(const char *bytes, size_t size) {
    size_t length = 0;
    for (size_t i = 0; i < size; i += length) {
        length = od_utf8_length(bytes + i, bytes + size);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : memchr(digits, c | 0x20, 16);
    // 0x10 to 0x19 become digits by the OR above, and are none.
    return at == NULL || (unsigned char)c < '0' ? -1 : (int)(at - digits);
}

// Decodes text in place, "+" as a space where plus_is_space.
static od_status decode(char *text, bool plus_is_space, od_error *error) {
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        if (*in == '+' && plus_is_space) {
            *out++ = ' ';
            continue;
        }
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = hex_digit(in[1]);
        int low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0 || high + low == 0) {
            return od_error_set(error, OD_E_INVALID,
                                "the URL holds a %% that is not followed by two hexadecimal "
                                "digits other than 00");
        }
        *out++ = (char)(high << 4 | low);
        in += 2;
    }
    *out = '\0';
    if (!od_url_is_utf8(text, (size_t)(out - text))) {
        return od_error_set(error, OD_E_INVALID, "the URL is not UTF-8");
    }
    return OD_OK;
}

static od_status parse_path(char *path, od_url *out, od_error *error) {
    while (path != NULL) {
        char *next = strchr(path, '/');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (out->segment_count == OD_URL_MAX_SEGMENTS) {
            return od_error_set(error, OD_E_INVALID, "the path has more than %d segments",
                                OD_URL_MAX_SEGMENTS);
        }
        OD_TRY(decode(path, false, error));
        out->segments[out->segment_count++] = path;
        path = next;
    }
    return OD_OK;
}

static od_status parse_query(char *query, od_url *out, od_error *error) {
    char *rest = query;
    for (char *pair = strsep(&rest, "&"); pair != NULL; pair = strsep(&rest, "&")) {
        if (*pair == '\0') {
            continue;
        }
        if (out->parameter_count == OD_URL_MAX_PARAMETERS) {
            return od_error_set(error, OD_E_INVALID, "the query has more than %d parameters",
                                OD_URL_MAX_PARAMETERS);
        }
        char *value = strchr(pair, '=');
        if (value != NULL) {
            *value++ = '\0';
            OD_TRY(decode(value, true, error));
        }
        OD_TRY(decode(pair, true, error));
        out->parameters[out->parameter_count++] =
            (od_url_parameter){.name = pair, .value = value != NULL ? value : ""};
    }
    return OD_OK;
}

od_status od_url_parse(const char *target, od_url *out, od_error *error) {
    *out = (od_url){0};
    if (strncasecmp(target, "http://", 7) == 0) {
        const char *path = strchr(target + 7, '/');
        target = path != NULL ? path : "/";
    }
    if (target[0] != '/') {
        return od_error_set(error, OD_E_INVALID, "the URL's path does not start with a slash");
    }
    out->storage = strdup(target + 1);
    if (out->storage == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the URL");
    }
    char *query = strchr(out->storage, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    OD_TRY(parse_path(out->storage, out, error));
    return query != NULL ? parse_query(query, out, error) : OD_OK;
}

void od_url_fini(od_url *url) {
    free(url->storage);
    *url = (od_url){0};
}

const char *od_url_parameter_value(const od_url *url, const char *name) {
    for (size_t i = 0; i < url->parameter_count; i++) {
        if (strcmp(url->parameters[i].name, name) == 0) {
            return url->parameters[i].value;
        }
    }
    return NULL;
}

od_status od_url_escape(od_buffer *out, const char *text) {
    static const char plain[] = "-._~,/@*";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        OD_TRY(letter || strchr(plain, c) != NULL ? od_buffer_append(out, text, 1)
                                                  : od_buffer_printf(out, "%%%02X", c));
    }
    return OD_OK;
}
