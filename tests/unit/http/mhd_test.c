// SPDX-License-Identifier: Apache-2.0
// The server with a few handlers of its own, on every kind of address, over real sockets.
#include "daemon/http/mhd.h"

#include "daemon/http/problem.h"
#include "tests/unit/http/client.h"
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct server {
    char *folder;
    uv_loop_t loop;
    od_mhd *mhd;
    char address[OD_MHD_ADDRESS_BYTES];
    od_request *late; // the request that /late has not answered
    int streams_closed;
    od_stream *stream;
    int ticks; // that /stream has to tell
    bool last; // the last of them says so
} server;

// --- handlers -------------------------------------------------------------------------------

static void answer_text(od_request *request, unsigned status, const char *text) {
    od_request_answer(request, od_response_take(status, "text/plain", strdup(text), strlen(text)));
}

static void serve_echo(od_request *request) {
    if (!od_request_is_sound(request)) {
        return;
    }
    size_t size;
    const char *body = od_request_body(request, &size);
    char text[256];
    const char *query = od_request_query(request, "q");
    snprintf(text, sizeof text, "id=%s q=%s size=%zu body=%.20s", od_request_segment(request, 1),
             query != NULL ? query : "", size, body);
    answer_text(request, 200, text);
}

static void serve_late(od_request *request) {
    ((server *)od_request_context(request))->late = request;
}

static void serve_no_memory(od_request *request) {
    od_request_answer(request, NULL);
}

static ssize_t read_ticks(void *context, char *out, size_t max) {
    server *self = context;
    assert_true(max > 4);
    if (self->ticks == 0) {
        return OD_STREAM_WAIT;
    }
    memcpy(out, --self->ticks == 0 && self->last ? "last" : "tick", 4);
    return 4;
}

static void close_ticks(void *context) {
    ((server *)context)->streams_closed++;
}

static void serve_stream(od_request *request) {
    server *self = od_request_context(request);
    od_request_answer(
        request, od_response_stream("text/plain", read_ticks, close_ticks, self, &self->stream));
}

static const od_route routes[] = {
    {OD_METHOD_GET, "/echo/{id}", serve_echo, 0, "q", OD_ROLE_ADMIN},
    {OD_METHOD_POST, "/echo/{id}", serve_echo, OD_ROUTE_JSON, "q", OD_ROLE_ADMIN},
    {OD_METHOD_GET, "/late", serve_late, 0, NULL, OD_ROLE_ADMIN},
    {OD_METHOD_GET, "/no-memory", serve_no_memory, 0, NULL, OD_ROLE_ADMIN},
    {OD_METHOD_GET, "/stream", serve_stream, 0, NULL, OD_ROLE_ADMIN},
};

// --- setup ----------------------------------------------------------------------------------

static int setup(void **state) {
    void *folder;
    server *self = calloc(1, sizeof *self);
    if (scratch_setup(&folder) != 0) {
        free(self);
        return -1;
    }
    self->folder = folder;
    uv_loop_init(&self->loop);
    const od_mhd_config config = {.loop = &self->loop,
                                  .routes = routes,
                                  .route_count = sizeof routes / sizeof routes[0],
                                  .context = self};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    od_error error;
    if (od_mhd_new(&config, &self->mhd, &error) != OD_OK ||
        od_mhd_listen(self->mhd, (struct sockaddr *)&in, sizeof in, &error) != OD_OK) {
        return -1;
    }
    snprintf(self->address, sizeof self->address, "%s", od_mhd_address(self->mhd, 0));
    *state = self;
    return 0;
}

static int teardown(void **state) {
    server *self = *state;
    void *folder = self->folder;
    od_mhd_close(self->mhd);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&self->loop);
    free(self);
    return scratch_teardown(&folder) != 0 || failed != 0 ? -1 : 0;
}

// A request with a fitting Host header and Connection: close; head is "GET /x" or more lines.
static char *ask(server *self, const char *method_and_target, const char *headers,
                 const char *body) {
    char bytes[4096];
    int size =
        snprintf(bytes, sizeof bytes, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n%s",
                 method_and_target, self->address, headers, body);
    assert_true(size > 0 && (size_t)size < sizeof bytes);
    return client_ask(&self->loop, self->address, bytes);
}

static void expect(server *self, const char *method_and_target, const char *headers,
                   const char *body, const char *status, const char *part) {
    char *answer = ask(self, method_and_target, headers, body);
    if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, status, 3) != 0 ||
        strstr(answer, part) == NULL) {
        fail_msg("%s %s: want %s with \"%s\", got: %s", method_and_target, headers, status, part,
                 answer);
    }
    free(answer);
}

// --- tests ----------------------------------------------------------------------------------

static void test_a_handler_sees_the_request(void **state) {
    expect(*state, "GET /echo/a%20b?q=1%2C2", "", "", "200", "id=a b q=1,2 size=0 body=");
    expect(*state, "POST /echo/7?q=", "Content-Length: 5\r\n", "{\"a\":", "200",
           "id=7 q= size=5 body={\"a\":");
    expect(*state, "POST /echo/7", "Transfer-Encoding: chunked\r\n",
           "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "200", "size=3 body=abc");
}

static void test_every_answer_has_the_security_headers(void **state) {
    static const char *const targets[] = {"GET /echo/1", "GET /nope", "DELETE /echo/1"};
    static const char *const headers[] = {"Content-Security-Policy: default-src 'self'",
                                          "X-Content-Type-Options: nosniff",
                                          "Referrer-Policy: ", "Cache-Control: no-store"};
    for (size_t i = 0; i < 3; i++) {
        char *answer = ask(*state, targets[i], "", "");
        for (size_t k = 0; k < 4; k++) {
            assert_non_null(strstr(answer, headers[k]));
        }
        assert_null(strstr(answer, "Access-Control"));
        free(answer);
    }
}

static void test_refusals_before_any_handler(void **state) {
    expect(*state, "GET /nope", "", "", "404", "/problems/not-found");
    expect(*state, "PUT /echo/1", "", "", "405", "Allow: GET, HEAD, POST, OPTIONS");
    expect(*state, "BREW /echo/1", "", "", "405", "/problems/method-not-allowed");
    expect(*state, "OPTIONS /echo/1", "", "", "204", "Allow: GET, HEAD, POST, OPTIONS");
    expect(*state, "OPTIONS *", "", "", "204", "Allow: ");
    expect(*state, "GET /echo/1?z=1", "", "", "400", "\"pointer\":\"z\"");
    expect(*state, "GET /echo/1?q=1&q=2", "", "", "400", "more than once");
    expect(*state, "GET /echo/1?a=1&q=1&b=2", "", "", "400", "\"pointer\":\"b\"");
    expect(*state, "GET /stream?a=1&b=2", "", "", "400", "\"pointer\":\"b\"");
    expect(*state, "GET /echo/%00", "", "", "400", "/problems/invalid-parameter");
    expect(*state, "GET /echo/%zz", "", "", "400", "\"instance\":\"/echo/%zz\"");
    expect(*state, "POST /echo/1", "Content-Type: text/xml\r\nContent-Length: 1\r\n", "x", "415",
           "/problems/unsupported-media-type");
    expect(*state, "POST /echo/1", "Content-Type: application/JSON; charset=utf-8\r\n", "", "200",
           "size=0");
}

static void test_hosts_and_origins(void **state) {
    server *self = *state;
    char *answer = client_ask(&self->loop, self->address,
                              "GET /echo/1 HTTP/1.1\r\nHost: evil.example\r\n"
                              "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "403 "));
    assert_non_null(strstr(answer, "/problems/forbidden-host"));
    free(answer);
    answer = client_ask(&self->loop, self->address, "GET /echo/1 HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(answer, "403 "));
    free(answer);
    expect(self, "POST /echo/1", "Origin: http://evil.example\r\n", "", "403", "another origin");
    expect(self, "POST /echo/1", "Sec-Fetch-Site: cross-site\r\n", "", "403", "another origin");
    expect(self, "GET /echo/1", "Origin: http://evil.example\r\n", "", "200", "id=1");
    char own[256];
    snprintf(own, sizeof own, "Origin: http://%s\r\nSec-Fetch-Site: same-origin\r\n",
             self->address);
    expect(self, "POST /echo/1", own, "", "200", "id=1");
}

static char *post_bytes(server *self, const char *headers, size_t size) {
    od_buffer bytes = {0};
    assert_int_equal(od_buffer_printf(&bytes,
                                      "POST /echo/1 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                                      "%s\r\n",
                                      self->address, headers),
                     OD_OK);
    assert_int_equal(od_buffer_reserve(&bytes, size), OD_OK);
    memset(bytes.data + bytes.size, 'x', size);
    bytes.size += size;
    char *answer =
        client_finish(client_start(&self->loop, self->address, bytes.data, bytes.size, NULL));
    od_buffer_fini(&bytes);
    return answer;
}

static void test_large_bodies(void **state) {
    static const struct {
        size_t size;
        const char *want;
    } rows[] = {{OD_MHD_BODY_BYTES, "size=1048576"},
                {OD_MHD_BODY_BYTES + 1, "/problems/too-large"},
                {5 * OD_MHD_BODY_BYTES, "/problems/too-large"}};
    for (size_t i = 0; i < 3; i++) {
        char header[64];
        snprintf(header, sizeof header, "Content-Length: %zu\r\n", rows[i].size);
        char *answer = post_bytes(*state, header, rows[i].size);
        assert_non_null(strstr(answer, rows[i].want));
        free(answer);
    }
    // One that waits for "100 Continue" is told before it sends anything.
    expect(*state, "POST /echo/1", "Expect: 100-continue\r\nContent-Length: 9000000\r\n", "", "413",
           "/problems/too-large");
}

static void test_a_large_body_in_chunks(void **state) {
    server *self = *state;
    enum { CHUNK = 65536, CHUNKS = 17 };
    od_buffer bytes = {0};
    assert_int_equal(od_buffer_printf(&bytes,
                                      "POST /echo/1 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                                      "Transfer-Encoding: chunked\r\n\r\n",
                                      self->address),
                     OD_OK);
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(od_buffer_append_text(&bytes, "10000\r\n"), OD_OK);
        assert_int_equal(od_buffer_reserve(&bytes, CHUNK), OD_OK);
        memset(bytes.data + bytes.size, 'x', CHUNK);
        bytes.size += CHUNK;
        assert_int_equal(od_buffer_append_text(&bytes, "\r\n"), OD_OK);
    }
    assert_int_equal(od_buffer_append_text(&bytes, "0\r\n\r\n"), OD_OK);
    char *answer =
        client_finish(client_start(&self->loop, self->address, bytes.data, bytes.size, NULL));
    assert_non_null(strstr(answer, "413 "));
    free(answer);
    od_buffer_fini(&bytes);
}

static void test_head_has_no_body(void **state) {
    char *answer = ask(*state, "HEAD /echo/1", "", "");
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "Content-Length: 20"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
}

static void test_no_memory_is_told(void **state) {
    expect(*state, "GET /no-memory", "", "", "500", "out of memory");
}

static bool has_late(void *ctx) {
    return ((server *)ctx)->late != NULL;
}

static client *start(server *self, const char *target, const char *until) {
    char bytes[512];
    snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             target, self->address);
    return client_start(&self->loop, self->address, bytes, strlen(bytes), until);
}

static void test_a_handler_may_answer_later(void **state) {
    server *self = *state;
    client *waiting = start(self, "/late", NULL);
    client_run_until(&self->loop, has_late, self);
    expect(self, "GET /echo/1", "", "", "200", "id=1"); // others are served meanwhile
    answer_text(self->late, 200, "at last");
    char *answer = client_finish(waiting);
    assert_non_null(strstr(answer, "at last"));
    free(answer);
}

static void test_a_stop_answers_what_is_open(void **state) {
    server *self = *state;
    client *waiting = start(self, "/late", NULL);
    client_run_until(&self->loop, has_late, self);
    od_mhd_close(self->mhd);
    self->mhd = NULL;
    char *answer = client_finish(waiting);
    assert_non_null(strstr(answer, "503 "));
    assert_non_null(strstr(answer, "stopping"));
    free(answer);
    answer_text(self->late, 200, "nobody listens"); // and must not touch anything freed
}

static bool has_stream(void *ctx) {
    return ((server *)ctx)->stream != NULL;
}

static bool is_told(void *ctx) {
    return ((server *)ctx)->ticks == 0;
}

static void test_a_stream_waits_and_is_woken(void **state) {
    server *self = *state;
    client *waiting = start(self, "/stream", "last");
    client_run_until(&self->loop, has_stream, self);
    for (int i = 0; i < 3; i++) {
        od_stream_wake(self->stream); // with nothing to tell: fine
        self->ticks = 3;
        self->last = i == 2;
        od_stream_wake(self->stream);
        client_run_until(&self->loop, is_told, self);
    }
    char *answer = client_finish(waiting);
    assert_non_null(strstr(answer, "tick"));
    assert_non_null(strstr(answer, "Transfer-Encoding: chunked"));
    free(answer);
}

static bool is_closed(void *ctx) {
    return ((server *)ctx)->streams_closed == 1;
}

static void test_a_stream_is_closed_when_its_client_left(void **state) {
    server *self = *state;
    self->ticks = 1;
    self->last = true;
    free(client_finish(start(self, "/stream", "last")));
    self->last = false;
    while (!is_closed(self)) { // noticed when there is something to write
        self->ticks = 100;
        od_stream_wake(self->stream);
        uv_run(&self->loop, UV_RUN_NOWAIT);
    }
    self->stream = NULL;
}

static void test_a_stop_ends_streams(void **state) {
    server *self = *state;
    client *waiting = start(self, "/stream", NULL);
    client_run_until(&self->loop, has_stream, self);
    od_mhd_close(self->mhd);
    self->mhd = NULL;
    assert_int_equal(self->streams_closed, 1);
    char *answer = client_finish(waiting);
    assert_non_null(strstr(answer, "200 OK"));
    free(answer);
}

static void test_many_requests_on_one_connection(void **state) {
    server *self = *state;
    enum { COUNT = 2000 };
    od_buffer bytes = {0};
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(od_buffer_printf(&bytes, "GET /echo/%d HTTP/1.1\r\nHost: %s\r\n%s\r\n", i,
                                          self->address,
                                          i + 1 == COUNT ? "Connection: close\r\n" : ""),
                         OD_OK);
    }
    char *answer =
        client_finish(client_start(&self->loop, self->address, bytes.data, bytes.size, NULL));
    int count = 0;
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 200 OK")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, COUNT);
    free(answer);
    od_buffer_fini(&bytes);
}

static void test_ipv6_and_unix_sockets(void **state) {
    server *self = *state;
    char path[SCRATCH_PATH_BYTES];
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    od_error error;
    scratch_path(path, self->folder, "socket");
    memcpy(un.sun_path, path, strlen(path) + 1);
    assert_int_equal(od_mhd_listen(self->mhd, (struct sockaddr *)&in6, sizeof in6, &error), OD_OK);
    assert_int_equal(od_mhd_listen(self->mhd, (struct sockaddr *)&un, sizeof un, &error), OD_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    for (size_t i = 0; i < 3; i++) {
        snprintf(self->address, sizeof self->address, "%s", od_mhd_address(self->mhd, i));
        expect(self, "GET /echo/1", "", "", "200", "id=1");
    }
    assert_string_equal(strstr(self->address, path), path);
    assert_null(od_mhd_address(self->mhd, 3));
    od_mhd_close(self->mhd);
    self->mhd = NULL;
    assert_int_equal(access(path, F_OK), -1);
}

static void test_a_socket_that_listens_already(void **state) {
    server *self = *state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char path[SCRATCH_PATH_BYTES];
    od_error error;
    scratch_path(path, self->folder, "given");
    memcpy(un.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(od_mhd_adopt(self->mhd, fd, &error), OD_OK);
    snprintf(self->address, sizeof self->address, "%s", od_mhd_address(self->mhd, 1));
    assert_string_equal(strstr(self->address, path), path);
    expect(self, "GET /echo/1", "", "", "200", "id=1");
    od_mhd_close(self->mhd);
    self->mhd = NULL;
    assert_int_equal(access(path, F_OK), 0); // the file is not ours
}

static void test_addresses_that_are_taken(void **state) {
    server *self = *state;
    od_error error = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons(client_port(self->address));
    assert_int_equal(od_mhd_listen(self->mhd, (struct sockaddr *)&in, sizeof in, &error),
                     OD_E_BUSY);
    assert_non_null(strstr(error.text, self->address));
    // A socket that nobody answers on is replaced, a file or one that is alive is not.
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char path[SCRATCH_PATH_BYTES];
    scratch_path(path, self->folder, "socket");
    memcpy(un.sun_path, path, strlen(path) + 1);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&un, sizeof un), 0);
    close(stale);
    assert_int_equal(od_mhd_listen(self->mhd, (struct sockaddr *)&un, sizeof un, &error), OD_OK);
    assert_int_equal(od_mhd_listen(self->mhd, (struct sockaddr *)&un, sizeof un, &error),
                     OD_E_BUSY);
    scratch_write(self->folder, "file", "x", 1);
    scratch_path(path, self->folder, "file");
    memcpy(un.sun_path, path, strlen(path) + 1);
    assert_int_equal(od_mhd_listen(self->mhd, (struct sockaddr *)&un, sizeof un, &error),
                     OD_E_EXISTS);
}

static void test_garbage_does_no_harm(void **state) {
    server *self = *state;
    static const char *const garbage[] = {"\r\n\r\n",
                                          "\x16\x03\x01\x02",
                                          "GET\r\n\r\n",
                                          "GET / HTTP/9.9\r\n\r\n",
                                          "GET / HTTP/1.1\r\n: x\r\n\r\n",
                                          "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        // Half of a request and then nothing: only the idle timeout would end it.
        bool half = strstr(garbage[i], "\r\n\r\n") == NULL;
        client *talker = client_start(&self->loop, self->address, garbage[i], strlen(garbage[i]),
                                      half || i == 0 ? "" : NULL);
        free(client_finish(talker));
    }
    expect(self, "GET /echo/1", "", "", "200", "id=1");
}

static void test_headers_that_do_not_fit(void **state) {
    server *self = *state;
    od_buffer bytes = {0};
    assert_int_equal(
        od_buffer_printf(&bytes, "GET /echo/1 HTTP/1.1\r\nHost: %s\r\nX: ", self->address), OD_OK);
    assert_int_equal(od_buffer_reserve(&bytes, 40000), OD_OK);
    memset(bytes.data + bytes.size, 'x', 40000);
    bytes.size += 40000;
    assert_int_equal(od_buffer_append_text(&bytes, "\r\nConnection: close\r\n\r\n"), OD_OK);
    free(client_finish(client_start(&self->loop, self->address, bytes.data, bytes.size, NULL)));
    od_buffer_fini(&bytes);
    expect(self, "GET /echo/1", "", "", "200", "id=1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_handler_sees_the_request),
        TEST(test_every_answer_has_the_security_headers),
        TEST(test_refusals_before_any_handler),
        TEST(test_hosts_and_origins),
        TEST(test_large_bodies),
        TEST(test_a_large_body_in_chunks),
        TEST(test_head_has_no_body),
        TEST(test_no_memory_is_told),
        TEST(test_a_handler_may_answer_later),
        TEST(test_a_stop_answers_what_is_open),
        TEST(test_a_stream_waits_and_is_woken),
        TEST(test_a_stream_is_closed_when_its_client_left),
        TEST(test_a_stop_ends_streams),
        TEST(test_many_requests_on_one_connection),
        TEST(test_ipv6_and_unix_sockets),
        TEST(test_a_socket_that_listens_already),
        TEST(test_addresses_that_are_taken),
        TEST(test_garbage_does_no_harm),
        TEST(test_headers_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
