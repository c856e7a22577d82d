// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/private.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM_BLOCK_BYTES = 2048 };

static od_response *wrap(unsigned status, const char *content_type, struct MHD_Response *mhd) {
    od_response *response = mhd != NULL ? malloc(sizeof *response) : NULL;
    if (response == NULL) {
        if (mhd != NULL) {
            MHD_destroy_response(mhd);
        }
        return NULL;
    }
    *response = (od_response){.mhd = mhd, .status = status, .owners = 1};
    return content_type != NULL ? od_response_header(response, "Content-Type", content_type)
                                : response;
}

od_response *od_response_take(unsigned status, const char *content_type, char *body, size_t size) {
    struct MHD_Response *mhd = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (mhd == NULL) {
        free(body);
    }
    od_response *response = wrap(status, content_type, mhd);
    if (response != NULL) {
        response->size = size;
    }
    return response;
}

od_response *od_response_static(unsigned status, const char *content_type, const void *body,
                                size_t size) {
    // MHD never writes to a persistent buffer; its prototype is older than const.
    return wrap(
        status, content_type,
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT));
}

od_response *od_response_json(unsigned status, const cJSON *value) {
    char *text = value != NULL ? od_json_print(value) : NULL;
    return text != NULL ? od_response_take(status, "application/json", text, strlen(text)) : NULL;
}

od_response *od_response_empty(unsigned status) {
    return od_response_static(status, NULL, "", 0);
}

od_response *od_response_file(unsigned status, const char *content_type, int fd, uint64_t offset,
                              uint64_t size) {
    struct MHD_Response *mhd = MHD_create_response_from_fd_at_offset64(size, fd, offset);
    if (mhd == NULL) {
        close(fd);
    }
    return wrap(status, content_type, mhd);
}

od_response *od_response_header(od_response *response, const char *name, const char *value) {
    if (response == NULL) {
        return NULL;
    }
    const char *old = MHD_get_response_header(response->mhd, name);
    if (old != NULL && strcmp(old, value) == 0) {
        return response;
    }
    if (old != NULL) {
        MHD_del_response_header(response->mhd, name, old);
    }
    if (MHD_add_response_header(response->mhd, name, value) != MHD_YES) {
        od_response_free(response);
        return NULL;
    }
    return response;
}

od_response *od_response_header_printf(od_response *response, const char *name, const char *format,
                                       ...) {
    char *value = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (length < 0) {
        od_response_free(response);
        return NULL;
    }
    response = od_response_header(response, name, value);
    free(value);
    return response;
}

unsigned od_response_status(const od_response *response) {
    return response->status;
}

size_t od_response_size(const od_response *response) {
    return response->size;
}

od_response *od_response_share(od_response *response) {
    response->owners++;
    return response;
}

void od_response_free(od_response *response) {
    if (response != NULL && --response->owners == 0) {
        MHD_destroy_response(response->mhd);
        free(response);
    }
}

static ssize_t on_stream_read(void *cls, uint64_t position, char *out, size_t max) {
    (void)position;
    od_stream *stream = cls;
    ssize_t got = stream->ending ? OD_STREAM_END : stream->read(stream->context, out, max);
    if (got == OD_STREAM_END) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (got == OD_STREAM_WAIT) {
        stream->waiting = true;
        MHD_suspend_connection(stream->connection);
    }
    return got;
}

static void on_stream_free(void *cls) {
    od_stream *stream = cls;
    if (stream->connection != NULL) {
        LIST_REMOVE(stream, link);
    }
    stream->close(stream->context);
    free(stream);
}

od_response *od_response_stream(const char *content_type, od_stream_read *read,
                                od_stream_close *close, void *context, od_stream **out) {
    od_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    *stream = (od_stream){.read = read, .close = close, .context = context};
    struct MHD_Response *mhd = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, on_stream_read, stream, on_stream_free);
    if (mhd == NULL) {
        free(stream);
        return NULL;
    }
    *out = stream;
    od_response *response = wrap(MHD_HTTP_OK, content_type, mhd);
    if (response != NULL) {
        response->stream = stream;
    }
    return response;
}

void od_response_attach(od_response *response, const od_request *request) {
    od_mhd *mhd = request->mhd;
    od_stream *stream = response->stream;
    if (stream != NULL) {
        stream->listener = request->listener;
        stream->connection = request->connection;
        stream->ending = mhd->closing;
        stream->guarded = mhd->config.auth != NULL && request->route->role != OD_ROLE_NONE;
        stream->caller = request->caller;
        stream->needed = request->route->role;
        LIST_INSERT_HEAD(&mhd->streams, stream, link);
    }
}

void od_stream_wake(od_stream *stream) {
    if (stream->waiting) {
        stream->waiting = false;
        od_mhd_resume(stream->listener, stream->connection);
    }
}

void od_response_end_stream(od_stream *stream) {
    stream->ending = true;
    od_stream_wake(stream);
}
