// SPDX-License-Identifier: Apache-2.0
// The dashboard: files compiled into the program, with an ETag so that a browser asks for each of
// them once and then only whether it has changed.
#include "base/embedded.h"
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/http/router.h"
#include "web/embedded.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 512, ETAG_BYTES = 24 };

static const struct {
    const char *suffix;
    const char *type;
} media_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
};

static const char *media_type(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof media_types / sizeof media_types[0]; i++) {
        size_t suffix = strlen(media_types[i].suffix);
        if (length > suffix && strcmp(name + length - suffix, media_types[i].suffix) == 0) {
            return media_types[i].type;
        }
    }
    return "text/plain; charset=utf-8";
}

// FNV-1a of the contents.
static void make_etag(char out[ETAG_BYTES], const od_embedded_file *file) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < file->size; i++) {
        hash = (hash ^ file->data[i]) * UINT64_C(1099511628211);
    }
    snprintf(out, ETAG_BYTES, "\"%016" PRIx64 "\"", hash);
}

// The path's segments as a name in the table; "index.html" for "/".
static const od_embedded_file *find_file(const od_request *request) {
    char name[NAME_BYTES];
    size_t used = 0;
    name[0] = '\0';
    for (size_t i = 0; i < od_request_segment_count(request); i++) {
        const char *segment = od_request_segment(request, i);
        if (strchr(segment, '/') != NULL) { // "%2F" is no separator
            return NULL;
        }
        int more = snprintf(name + used, sizeof name - used, "%s%s", i > 0 ? "/" : "", segment);
        used += (size_t)more;
        if (used >= sizeof name) {
            return NULL;
        }
    }
    return od_embedded_find(od_web_embedded, used == 0 ? "index.html" : name);
}

static od_response *respond(const od_request *request, const od_embedded_file *file) {
    char etag[ETAG_BYTES];
    make_etag(etag, file);
    const char *known = od_request_header(request, "If-None-Match");
    bool same = known != NULL && (strstr(known, etag) != NULL || strcmp(known, "*") == 0);
    od_response *response =
        same ? od_response_empty(304)
             : od_response_static(200, media_type(file->name), file->data, file->size);
    response = od_response_header(response, "ETag", etag);
    return od_response_header(response, "Cache-Control", "no-cache");
}

void od_api_static_serve(od_request *request) {
    static const unsigned methods = OD_METHOD_GET | OD_METHOD_HEAD | OD_METHOD_OPTIONS;
    char allow[OD_ROUTER_ALLOW_BYTES];
    od_router_allow(allow, methods);
    const od_embedded_file *file = find_file(request);
    unsigned method = (unsigned)od_request_method(request);
    od_response *response = NULL;
    if (file == NULL) {
        response = od_problem_new(request, OD_PROBLEM_NOT_FOUND, NULL,
                                  "this server has no such route or file");
    } else if (method == OD_METHOD_OPTIONS) {
        response = od_response_header(od_response_empty(204), "Allow", allow);
    } else if ((method & methods) == 0) {
        response = od_response_header(
            od_problem_new(request, OD_PROBLEM_METHOD_NOT_ALLOWED, NULL, "allowed are %s", allow),
            "Allow", allow);
    } else {
        response = respond(request, file);
    }
    od_request_answer(request, response);
}
