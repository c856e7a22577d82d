// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/http/client.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_S = 60, TURN_MS = 10, BLOCK_BYTES = 65536 };

struct client {
    uv_loop_t *loop;
    uv_thread_t thread;
    uv_async_t wake;
    uv_mutex_t mutex; // of answer
    char *address;
    char *bytes;
    size_t size;
    char *until;
    char *answer;
    atomic_bool done;
};

static void die(const char *what) {
    perror(what);
    exit(99);
}

uint16_t client_port(const char *address) {
    return (uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static int connect_to(const char *address) {
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
    struct sockaddr_un *un = (struct sockaddr_un *)&storage;
    socklen_t size = sizeof *in;
    uint16_t port = htons(client_port(address));
    if (strncmp(address, "unix:", 5) == 0) {
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", address + 5);
        size = sizeof *un;
    } else if (address[0] == '[') {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
        in6->sin6_addr = in6addr_loopback;
        size = sizeof *in6;
    } else {
        in->sin_family = AF_INET;
        in->sin_port = port;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    struct timeval limit = {.tv_sec = WAIT_S};
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&storage, size) != 0) {
        die(address);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; // the server has heard enough; what it said is read below
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

// Reads once. false: the server has closed, or nothing came for too long.
static bool receive(client *self, int fd, char *block, size_t *used) {
    ssize_t got = recv(fd, block, BLOCK_BYTES, 0);
    if (got <= 0) {
        return false;
    }
    uv_mutex_lock(&self->mutex);
    char *larger = realloc(self->answer, *used + (size_t)got + 1);
    if (larger == NULL) {
        die("realloc");
    }
    self->answer = larger;
    memcpy(self->answer + *used, block, (size_t)got);
    *used += (size_t)got;
    self->answer[*used] = '\0';
    uv_mutex_unlock(&self->mutex);
    uv_async_send(&self->wake);
    return true;
}

static void talk(void *ctx) {
    client *self = ctx;
    static _Thread_local char block[BLOCK_BYTES];
    int fd = connect_to(self->address);
    send_all(fd, self->bytes, self->size);
    size_t used = 0;
    while ((self->until == NULL || !client_has(self, self->until)) &&
           receive(self, fd, block, &used)) {
    }
    close(fd);
    atomic_store(&self->done, true);
    uv_async_send(&self->wake);
}

static void on_wake(uv_async_t *wake) {
    (void)wake; // the loop turns, that is all
}

client *client_start(uv_loop_t *loop, const char *address, const char *bytes, size_t size,
                     const char *until) {
    client *self = calloc(1, sizeof *self);
    self->loop = loop;
    self->address = strdup(address);
    self->bytes = malloc(size + 1);
    memcpy(self->bytes, bytes, size);
    self->size = size;
    self->until = until != NULL ? strdup(until) : NULL;
    self->answer = strdup("");
    uv_mutex_init(&self->mutex);
    uv_async_init(loop, &self->wake, on_wake);
    uv_thread_create(&self->thread, talk, self);
    return self;
}

bool client_is_done(const client *self) {
    return atomic_load(&self->done);
}

bool client_has(client *self, const char *text) {
    uv_mutex_lock(&self->mutex);
    bool has = strstr(self->answer, text) != NULL;
    uv_mutex_unlock(&self->mutex);
    return has;
}

typedef struct turns {
    uv_timer_t timer;
    int left;
} turns;

static void on_turn(uv_timer_t *timer) {
    if (--((turns *)timer->data)->left == 0) {
        fprintf(stderr, "nothing happened for %d s\n", WAIT_S);
        exit(99);
    }
}

// The timer keeps the loop turning: a condition may come true in a turn that then waits for more.
void client_run_until(uv_loop_t *loop, bool (*condition)(void *ctx), void *ctx) {
    turns turning = {.left = WAIT_S * 1000 / TURN_MS};
    uv_timer_init(loop, &turning.timer);
    turning.timer.data = &turning;
    uv_timer_start(&turning.timer, on_turn, TURN_MS, TURN_MS);
    while (!condition(ctx)) {
        uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&turning.timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static bool is_done(void *ctx) {
    return client_is_done(ctx);
}

char *client_finish(client *self) {
    client_run_until(self->loop, is_done, self);
    uv_thread_join(&self->thread);
    uv_close((uv_handle_t *)&self->wake, NULL);
    uv_run(self->loop, UV_RUN_NOWAIT);
    char *answer = self->answer;
    uv_mutex_destroy(&self->mutex);
    free(self->address);
    free(self->bytes);
    free(self->until);
    free(self);
    return answer;
}

char *client_ask(uv_loop_t *loop, const char *address, const char *bytes) {
    return client_finish(client_start(loop, address, bytes, strlen(bytes), NULL));
}
