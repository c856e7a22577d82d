// SPDX-License-Identifier: Apache-2.0
// At any moment at most one of these is true: a request is on its way (busy), or lines are handed
// out (offered). A wake-up that comes meanwhile is remembered (again), so none is lost.
#include "daemon/exec/tail.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 1000 };

struct od_tail {
    od_tail_config config;
    char *path;
    char *bytes; // OD_TAIL_BATCH_BYTES
    int fd;      // -1: not open yet
    int64_t offset;
    size_t offered; // bytes that are handed out
    bool busy;
    bool again;
    bool watching;
    bool finishing;
    bool ended; // on_end has been called
    bool closing;
    int open_handles;
    uv_fs_t request;
    uv_fs_event_t watch;
    uv_timer_t poll;
};

static void wake(od_tail *tail);

static void free_if_closed(od_tail *tail) {
    if (!tail->closing || tail->busy || tail->open_handles > 0) {
        return;
    }
    if (tail->fd >= 0) {
        close(tail->fd);
    }
    free(tail->path);
    free(tail->bytes);
    free(tail);
}

static void on_closed(uv_handle_t *handle) {
    od_tail *tail = handle->data;
    tail->open_handles--;
    free_if_closed(tail);
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status) {
    (void)name;
    (void)events;
    (void)status; // the poll helps where the watch does not
    wake(handle->data);
}

static void on_poll(uv_timer_t *handle) {
    wake(handle->data);
}

// Nothing new was found.
static void rest(od_tail *tail) {
    if (tail->again) {
        wake(tail);
    } else if (tail->finishing) {
        tail->ended = true;
        uv_timer_stop(&tail->poll);
        tail->config.on_end(tail->config.ctx);
    }
}

// The bytes up to the last newline, or all of a batch that has none.
static size_t whole_lines(const char *bytes, size_t size) {
    const char *newline = memrchr(bytes, '\n', size);
    if (newline != NULL) {
        return (size_t)(newline - bytes) + 1;
    }
    return size == OD_TAIL_BATCH_BYTES ? size : 0;
}

static void on_read(uv_fs_t *request) {
    od_tail *tail = request->data;
    ssize_t got = request->result;
    uv_fs_req_cleanup(request);
    tail->busy = false;
    if (tail->closing) {
        free_if_closed(tail);
        return;
    }
    if (got < 0) {
        od_log(OD_LOG_ERROR, "cannot read a run's events", "path=\"%s\" reason=\"%s\"", tail->path,
               uv_strerror((int)got));
        return; // the poll tries again
    }
    tail->offered = whole_lines(tail->bytes, (size_t)got);
    if (tail->offered == 0) {
        rest(tail);
        return;
    }
    tail->config.on_lines(tail->config.ctx, tail->bytes, tail->offered, tail->offset);
}

static void on_open(uv_fs_t *request) {
    od_tail *tail = request->data;
    ssize_t fd = request->result;
    uv_fs_req_cleanup(request);
    tail->busy = false;
    tail->fd = fd >= 0 ? (int)fd : -1;
    if (tail->closing) {
        free_if_closed(tail);
    } else if (fd == UV_ENOENT) {
        rest(tail);
    } else if (fd < 0) {
        od_log(OD_LOG_ERROR, "cannot open a run's events", "path=\"%s\" reason=\"%s\"", tail->path,
               uv_strerror((int)fd));
    } else {
        wake(tail);
    }
}

static void start_request(od_tail *tail) {
    uv_loop_t *loop = tail->config.loop;
    uv_buf_t buffer = uv_buf_init(tail->bytes, OD_TAIL_BATCH_BYTES);
    tail->request.data = tail;
    int failed = tail->fd < 0 ? uv_fs_open(loop, &tail->request, tail->path, O_RDONLY, 0, on_open)
                              : uv_fs_read(loop, &tail->request, tail->fd, &buffer, 1, tail->offset,
                                           on_read);
    tail->busy = failed == 0; // without memory the poll tries again
}

static void wake(od_tail *tail) {
    if (tail->closing || tail->ended) {
        return;
    }
    if (tail->busy || tail->offered > 0) {
        tail->again = true;
        return;
    }
    tail->again = false;
    // The watch comes before the read: what is written in between wakes it.
    if (tail->fd >= 0 && !tail->watching) {
        tail->watching = uv_fs_event_start(&tail->watch, on_change, tail->path, 0) == 0;
    }
    start_request(tail);
}

od_status od_tail_new(const od_tail_config *config, od_tail **out, od_error *error) {
    od_tail *tail = calloc(1, sizeof *tail);
    if (tail == NULL || (tail->path = strdup(config->path)) == NULL ||
        (tail->bytes = malloc(OD_TAIL_BATCH_BYTES)) == NULL) {
        goto err_memory;
    }
    tail->config = *config;
    tail->fd = -1;
    tail->offset = config->offset;
    if (uv_timer_init(config->loop, &tail->poll) != 0 ||
        uv_fs_event_init(config->loop, &tail->watch) != 0) {
        goto err_memory; // neither can fail once the loop runs
    }
    tail->open_handles = 2;
    tail->poll.data = tail;
    tail->watch.data = tail;
    uv_timer_start(&tail->poll, on_poll, 0, POLL_MS);
    *out = tail;
    return OD_OK;

err_memory:
    if (tail != NULL) {
        free(tail->path);
        free(tail->bytes);
    }
    free(tail);
    return od_error_set(error, OD_E_NO_MEMORY, "no memory to follow %s", config->path);
}

void od_tail_accept(od_tail *tail) {
    tail->offset += (int64_t)tail->offered;
    tail->offered = 0;
    wake(tail); // there may be more already
}

void od_tail_refuse(od_tail *tail) {
    tail->offered = 0; // the poll reads them again
}

void od_tail_finish(od_tail *tail) {
    tail->finishing = true;
    wake(tail);
}

void od_tail_close(od_tail *tail) {
    if (tail == NULL) {
        return;
    }
    tail->closing = true;
    uv_close((uv_handle_t *)&tail->poll, on_closed);
    uv_close((uv_handle_t *)&tail->watch, on_closed);
}
