// SPDX-License-Identifier: Apache-2.0
// bench/sse_bench PORT SUBSCRIBERS FIRST LAST: how soon every one of SUBSCRIBERS clients of
// /api/v1/events has an event. The events are the ends of the queued jobs FIRST to LAST, which are
// cancelled one after the other over a connection of its own; the clock runs from the request to
// the event's arrival at each client. The server should be drained, so that nothing else happens.
// The limit of open files has to allow for as many, here and there.
#include "base/clock.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 16384, READY = 256, PATIENCE_MS = 10000 };

static int fail(const char *what) {
    perror(what);
    return 1;
}

static int connect_to(int port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool ask(int fd, const char *method, const char *path, int port) {
    char text[256];
    int size = snprintf(text, sizeof text,
                        "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 0\r\n\r\n", method,
                        path, port);
    return write(fd, text, (size_t)size) == size;
}

// Reads one chunk of what is there; whether it tells a state.
static bool tells_state(int fd) {
    static char text[READ_BYTES + 1];
    ssize_t size = read(fd, text, READ_BYTES);
    text[size > 0 ? size : 0] = '\0';
    return strstr(text, "event: state") != NULL;
}

static bool subscribe(int epoll, int port) {
    static char head[READ_BYTES + 1];
    int fd = connect_to(port);
    if (fd < 0 || !ask(fd, "GET", "/api/v1/events", port)) {
        return false;
    }
    ssize_t size = read(fd, head, READ_BYTES);
    head[size > 0 ? size : 0] = '\0';
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return strstr(head, " 200 ") != NULL && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int number(const char *text) {
    return (int)strtol(text, NULL, 10);
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

// Cancels a job and waits until all have heard of it. Milliseconds go to out.
static bool one_event(int epoll, int asking, int port, int job, int subscribers, double *out) {
    struct epoll_event ready[READY];
    char path[64];
    char answer[READ_BYTES];
    int heard = 0;
    snprintf(path, sizeof path, "/api/v1/jobs/%d/cancel", job);
    int64_t start_ns = od_clock_monotonic_ns();
    if (!ask(asking, "POST", path, port)) {
        return false;
    }
    while (heard < subscribers) {
        int count = epoll_wait(epoll, ready, READY, PATIENCE_MS);
        for (int i = 0; i < count; i++) {
            if (tells_state(ready[i].data.fd)) {
                out[heard++] = (double)(od_clock_monotonic_ns() - start_ns) * 1e-6;
            }
        }
        if (count <= 0) {
            fprintf(stderr, "bench/sse_bench: job %d: %d of %d heard of it\n", job, heard,
                    subscribers);
            return false;
        }
    }
    return read(asking, answer, sizeof answer) > 0;
}

static int measure(int epoll, int port, int subscribers, int first, int last) {
    size_t total = (size_t)subscribers * (size_t)(last - first + 1);
    double *all = malloc(total * sizeof *all);
    int asking = connect_to(port);
    if (all == NULL || asking < 0) {
        free(all);
        return fail("bench/sse_bench");
    }
    size_t used = 0;
    for (int job = first; job <= last; job++, used += (size_t)subscribers) {
        if (!one_event(epoll, asking, port, job, subscribers, all + used)) {
            free(all);
            return 1;
        }
    }
    qsort(all, total, sizeof *all, compare);
    printf("%d subscribers, %d events: p50 %.1f ms, p99 %.1f ms, last %.1f ms\n", subscribers,
           last - first + 1, all[total / 2], all[total * 99 / 100], all[total - 1]);
    free(all);
    return 0;
}

int main(int argc, char **argv) {
    struct rlimit files;
    if (argc != 5) {
        fprintf(stderr, "usage: bench/sse_bench PORT SUBSCRIBERS FIRST LAST\n");
        return 2;
    }
    int port = number(argv[1]);
    int subscribers = number(argv[2]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < subscribers; i++) {
        if (!subscribe(epoll, port)) {
            return fail("bench/sse_bench: a subscriber");
        }
    }
    return measure(epoll, port, subscribers, number(argv[3]), number(argv[4]));
}
