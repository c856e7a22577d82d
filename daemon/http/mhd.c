// SPDX-License-Identifier: Apache-2.0
// The loop's side of libmicrohttpd: descriptors, timers, listening sockets, start and stop.
#include "daemon/http/mhd.h"

#include "base/log.h"
#include "daemon/http/private.h"
#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    RUNS_AT_ONCE = 16,       // rounds of MHD before the loop's other work has its turn
    CLOSE_RUNS = 64,         // rounds to send the last answers when stopping
    CONNECTION_BYTES = 8192, // memory of one connection: its headers must fit
    IDLE_TIMEOUT_S = 120,    // a connection that neither sends nor takes anything
    RESERVED_FILES = 256,    // descriptors that are not for connections
    BACKLOG = 512,
    TLS_OPTIONS = 3,
    SWEEP_MS = 1000,
    PER_ADDRESS = 256, // connections of one address, where others than this machine connect
};

static char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

od_status od_mhd_new(const od_mhd_config *config, od_mhd **out, od_error *error) {
    od_mhd *mhd = calloc(1, sizeof *mhd);
    if (mhd == NULL) {
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the HTTP server");
    }
    mhd->config = *config;
    mhd->connections = OD_MHD_CONNECTIONS;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
        files.rlim_cur < OD_MHD_CONNECTIONS + RESERVED_FILES) {
        mhd->connections = files.rlim_cur > 2 * RESERVED_FILES
                               ? (unsigned)(files.rlim_cur - RESERVED_FILES)
                               : RESERVED_FILES;
    }
    LIST_INIT(&mhd->listeners);
    LIST_INIT(&mhd->suspended);
    LIST_INIT(&mhd->streams);
    *out = mhd;
    return OD_OK;
}

// --- the loop -------------------------------------------------------------------------------

static void on_timer(uv_timer_t *timer);

// Lets MHD work until it has nothing to do at once, and asks for the next time.
static void run(od_listener *listener) {
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    for (int i = 0; i < RUNS_AT_ONCE; i++) {
        listener->resumed = false;
        MHD_run(listener->daemon);
        if (listener->resumed) {
            continue;
        }
        if (MHD_get_timeout(listener->daemon, &wait_ms) != MHD_YES) {
            uv_timer_stop(&listener->timer);
            return;
        }
        if (wait_ms > 0) {
            break;
        }
    }
    uv_timer_start(&listener->timer, on_timer, wait_ms, 0);
}

void od_mhd_resume(od_listener *listener, struct MHD_Connection *connection) {
    MHD_resume_connection(connection);
    listener->resumed = true;
    uv_timer_start(&listener->timer, on_timer, 0, 0);
}

static void on_timer(uv_timer_t *timer) {
    run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    run(poll->data);
}

static void log_mhd(void *cls, const char *format, va_list arguments) {
    (void)cls;
    char text[512];
    char quoted[1024];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    od_log(OD_LOG_DEBUG, "libmicrohttpd", "text=%s", od_log_quote(quoted, sizeof quoted, text));
}

// The URL reaches request.c as the client wrote it; it decodes it itself, once.
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text) {
    (void)cls;
    (void)connection;
    return strlen(text);
}

// --- connections ----------------------------------------------------------------------------

static int64_t now_ms(const od_listener *listener) {
    return (int64_t)uv_now(listener->mhd->config.loop);
}

// MHD sees the end of what it reads and lets the connection go.
static void end_late_connections(od_listener *listener, int64_t now_ms) {
    int64_t limit_ms = listener->mhd->config.request_timeout_s * 1000;
    od_connection *one;
    LIST_FOREACH(one, &listener->connections, link) {
        if (one->waiting && limit_ms > 0 && now_ms - one->since_ms >= limit_ms) {
            one->waiting = false;
            shutdown(one->fd, SHUT_RDWR);
        }
    }
}

// Ending one may take others out of the list only later, when MHD runs.
static void end_revoked_streams(od_listener *listener) {
    od_auth *auth = listener->mhd->config.auth;
    od_stream *stream;
    LIST_FOREACH(stream, &listener->mhd->streams, link) {
        if (stream->listener == listener && stream->guarded && !stream->ending &&
            !od_auth_is_current(auth, &stream->caller, stream->needed)) {
            od_response_end_stream(stream);
        }
    }
}

static void on_sweep(uv_timer_t *timer) {
    od_listener *listener = timer->data;
    end_late_connections(listener, now_ms(listener));
    end_revoked_streams(listener);
    if (LIST_EMPTY(&listener->connections)) {
        uv_timer_stop(timer);
    }
}

void od_mhd_await_request(od_listener *listener, struct MHD_Connection *connection, bool waiting) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    od_connection *one = info != NULL ? info->socket_context : NULL;
    if (one != NULL) {
        one->waiting = waiting;
        one->since_ms = now_ms(listener);
    }
}

// Without memory the connection has no time limit of its own.
static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    od_listener *listener = cls;
    od_connection *one = *context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (one != NULL) {
            LIST_REMOVE(one, link);
            free(one);
        }
        *context = NULL;
        return;
    }
    one = malloc(sizeof *one);
    if (one == NULL) {
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *one = (od_connection){.fd = info->connect_fd, .since_ms = now_ms(listener), .waiting = true};
    *context = one;
    LIST_INSERT_HEAD(&listener->connections, one, link);
    if (!uv_is_active((uv_handle_t *)&listener->sweep)) {
        uv_timer_start(&listener->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    }
}

// --- listening ------------------------------------------------------------------------------

// Removes a socket that a server left behind which was killed; one that answers stays.
static od_status remove_stale_socket(const struct sockaddr *address, socklen_t size,
                                     const char *name, od_error *error) {
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    struct stat info;
    if (lstat(path, &info) != 0) {
        return OD_OK;
    }
    if (!S_ISSOCK(info.st_mode)) {
        return od_error_set(error, OD_E_EXISTS, "%s: is there and is no socket; give another path",
                            name);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = fd >= 0 && connect(fd, address, size) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (alive) {
        return od_error_set(error, OD_E_BUSY, "%s: another server listens there", name);
    }
    return unlink(path) == 0 ? OD_OK : od_error_set_errno(error, errno, "%s: cannot remove", name);
}

static od_status bind_socket(int fd, const struct sockaddr *address, socklen_t size,
                             const char *name, od_error *error) {
    int yes = 1;
    if (address->sa_family == AF_UNIX) {
        OD_TRY(remove_stale_socket(address, size, name, error));
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    }
    if (address->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    mode_t before = umask(0177); // a unix socket is born with mode 0600
    int bound = bind(fd, address, size);
    int cause = errno;
    umask(before);
    if (bound != 0 && cause == EADDRINUSE) {
        return od_error_set(error, OD_E_BUSY,
                            "%s: another program listens there; stop it or give --listen another "
                            "address",
                            name);
    }
    if (bound != 0 || listen(fd, BACKLOG) != 0) {
        return od_error_set_errno(error, bound != 0 ? cause : errno, "cannot listen on %s", name);
    }
    return OD_OK;
}

static od_status open_socket(const struct sockaddr *address, socklen_t size, int *out,
                             od_error *error) {
    char name[OD_LISTEN_NAME_BYTES];
    od_listen_name(name, address);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return od_error_set_errno(error, errno, "cannot listen on %s", name);
    }
    od_status status = bind_socket(fd, address, size, name, error);
    if (status != OD_OK) {
        close(fd);
        return status;
    }
    *out = fd;
    return OD_OK;
}

// Reads where fd really listens, which has the port that the kernel chose.
static od_status name_listener(od_listener *listener, int fd, od_error *error) {
    struct sockaddr_storage real = {0};
    socklen_t size = sizeof real;
    if (getsockname(fd, (struct sockaddr *)&real, &size) != 0) {
        return od_error_set_errno(error, errno, "a listening socket has no address");
    }
    od_listen_name(listener->name, (struct sockaddr *)&real);
    const od_mhd_config *config = &listener->mhd->config;
    od_guard_init(&listener->guard, (struct sockaddr *)&real, config->hosts, config->host_count);
    listener->open = !od_listen_is_local((struct sockaddr *)&real);
    listener->encrypted = config->tls != NULL && real.ss_family != AF_UNIX;
    return OD_OK;
}

static void fill_tls(const od_tls *tls, struct MHD_OptionItem out[]) {
    out[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate};
    out[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key};
    out[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities};
}

static struct MHD_Daemon *start_daemon(od_listener *listener, int fd) {
    struct MHD_OptionItem tls[TLS_OPTIONS + 1] = {[TLS_OPTIONS] = {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (listener->encrypted) {
        flags |= MHD_USE_TLS;
        fill_tls(listener->mhd->config.tls, tls);
    } else {
        tls[0].option = MHD_OPTION_END;
    }
    // The logger comes first: MHD uses it from then on, also for the options behind it.
    return MHD_start_daemon(
        flags, 0, NULL, NULL, od_request_on_access, listener, MHD_OPTION_EXTERNAL_LOGGER, log_mhd,
        NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, od_request_on_target,
        listener, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        od_request_on_completed, listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, listener->open ? (unsigned)PER_ADDRESS : 0U,
        MHD_OPTION_CONNECTION_LIMIT, listener->mhd->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static od_status watch(od_listener *listener, od_error *error) {
    uv_loop_t *loop = listener->mhd->config.loop;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int failed = info == NULL ? UV_EINVAL : uv_poll_init(loop, &listener->poll, info->epoll_fd);
    if (failed != 0) {
        return od_error_set(error, OD_E_INTERNAL, "%s: cannot be polled: %s", listener->name,
                            uv_strerror(failed));
    }
    uv_timer_init(loop, &listener->timer);
    uv_timer_init(loop, &listener->sweep);
    listener->poll.data = listener;
    listener->timer.data = listener;
    listener->sweep.data = listener;
    listener->open_handles = 3;
    LIST_INSERT_HEAD(&listener->mhd->listeners, listener, link);
    uv_poll_start(&listener->poll, UV_READABLE, on_poll);
    return OD_OK;
}

// Takes fd in every case. unix_path is what to remove in the end, or NULL.
static od_status serve(od_mhd *mhd, int fd, const char *unix_path, od_error *error) {
    od_listener *listener = calloc(1, sizeof *listener);
    od_status status = OD_E_NO_MEMORY;
    if (listener == NULL ||
        (unix_path != NULL && (listener->unix_path = strdup(unix_path)) == NULL)) {
        od_error_set(error, OD_E_NO_MEMORY, "no memory to listen");
        goto err_socket;
    }
    listener->mhd = mhd;
    LIST_INIT(&listener->connections);
    status = name_listener(listener, fd, error);
    if (status != OD_OK) {
        goto err_socket;
    }
    // A connection that is gone again when its turn comes must not stop the loop.
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    listener->daemon = start_daemon(listener, fd);
    if (listener->daemon == NULL) {
        status =
            od_error_set(error, OD_E_INTERNAL, "%s: libmicrohttpd does not start%s", listener->name,
                         listener->encrypted ? "; are --tls-cert and --tls-key a pair?" : "");
        goto err_socket;
    }
    status = watch(listener, error);
    if (status != OD_OK) {
        goto err_daemon;
    }
    return OD_OK;

err_daemon:
    MHD_stop_daemon(listener->daemon); // closes fd
    fd = -1;
err_socket:
    if (fd >= 0) {
        close(fd);
    }
    if (listener != NULL) {
        free(listener->unix_path);
        free(listener);
    }
    return status;
}

od_status od_mhd_listen(od_mhd *mhd, const struct sockaddr *address, socklen_t size,
                        od_error *error) {
    int fd = -1;
    OD_TRY(open_socket(address, size, &fd, error));
    return serve(mhd, fd,
                 address->sa_family == AF_UNIX
                     ? ((const struct sockaddr_un *)(const void *)address)->sun_path
                     : NULL,
                 error);
}

od_status od_mhd_adopt(od_mhd *mhd, int fd, od_error *error) {
    return serve(mhd, fd, NULL, error);
}

static const od_listener *listener_at(const od_mhd *mhd, size_t index) {
    const od_listener *listener;
    size_t count = 0;
    LIST_FOREACH(listener, &mhd->listeners, link) {
        count++;
    }
    // The list has the newest first.
    LIST_FOREACH(listener, &mhd->listeners, link) {
        if (--count == index) {
            return listener;
        }
    }
    return NULL;
}

const char *od_mhd_address(const od_mhd *mhd, size_t index) {
    const od_listener *listener = listener_at(mhd, index);
    return listener != NULL ? listener->name : NULL;
}

void od_mhd_announce(const od_mhd *mhd) {
    const od_listener *listener;
    for (size_t i = 0; (listener = listener_at(mhd, i)) != NULL; i++) {
        od_log(OD_LOG_INFO, "listening", "address=%s tls=%s", listener->name,
               listener->encrypted ? "yes" : "no");
    }
}

// --- stopping -------------------------------------------------------------------------------

static void on_handle_closed(uv_handle_t *handle) {
    od_listener *listener = handle->data;
    od_mhd *mhd = listener->mhd;
    if (--listener->open_handles > 0) {
        return;
    }
    LIST_REMOVE(listener, link);
    free(listener->unix_path);
    free(listener);
    if (LIST_EMPTY(&mhd->listeners)) {
        free(mhd);
    }
}

static void stop_listener(od_listener *listener) {
    if (listener->unix_path != NULL) {
        unlink(listener->unix_path);
    }
    MHD_socket listening = MHD_quiesce_daemon(listener->daemon);
    if (listening != MHD_INVALID_SOCKET) {
        close(listening);
    }
    for (int i = 0; i < CLOSE_RUNS; i++) {
        MHD_UNSIGNED_LONG_LONG wait_ms = 0;
        MHD_run(listener->daemon);
        if (MHD_get_timeout(listener->daemon, &wait_ms) != MHD_YES || wait_ms > 0) {
            break;
        }
    }
    uv_poll_stop(&listener->poll);
    MHD_stop_daemon(listener->daemon);
    uv_close((uv_handle_t *)&listener->poll, on_handle_closed);
    uv_close((uv_handle_t *)&listener->timer, on_handle_closed);
    uv_close((uv_handle_t *)&listener->sweep, on_handle_closed);
}

void od_mhd_close(od_mhd *mhd) {
    if (mhd == NULL) {
        return;
    }
    mhd->closing = true;
    // MHD aborts on stopping with suspended connections: wake all of them first.
    while (!LIST_EMPTY(&mhd->suspended)) {
        od_request_abandon(LIST_FIRST(&mhd->suspended));
    }
    od_stream *stream;
    LIST_FOREACH(stream, &mhd->streams, link) {
        od_response_end_stream(stream);
    }
    if (LIST_EMPTY(&mhd->listeners)) {
        free(mhd);
        return;
    }
    od_listener *listener;
    LIST_FOREACH(listener, &mhd->listeners, link) {
        stop_listener(listener);
    }
}
