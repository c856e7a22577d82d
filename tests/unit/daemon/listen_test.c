// SPDX-License-Identifier: Apache-2.0
// Sockets that are handed over; what --listen says is tested with the other options.
#include "daemon/listen.h"

#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

static od_listen taken;
static od_error error;

static int open_tcp(int type, in_addr_t host) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    int fd = socket(AF_INET, type, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int listen_on(in_addr_t host) {
    int fd = open_tcp(SOCK_STREAM, host);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void assert_refused(int fd, const char *why) {
    error = (od_error){0};
    assert_int_equal(od_listen_adopt(fd, &taken, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, why));
    char number[32];
    snprintf(number, sizeof number, "file descriptor %d", fd);
    assert_non_null(strstr(error.text, number));
    assert_int_not_equal(fcntl(fd, F_GETFD), -1); // still the caller's
    close(fd);
}

static void a_tcp_socket_is_taken(void **state) {
    (void)state;
    int fd = listen_on(INADDR_LOOPBACK);
    assert_int_equal(od_listen_adopt(fd, &taken, &error), OD_OK);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&taken.address;
    char name[64];
    snprintf(name, sizeof name, "127.0.0.1:%d", ntohs(in->sin_port));
    assert_true(in->sin_port != 0);
    assert_string_equal(taken.text, name);
    assert_int_equal(taken.fd, fd);
    assert_int_equal(taken.address_bytes, sizeof *in);
    close(fd);
}

static void unix_sockets_are_taken(void **state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[SCRATCH_PATH_BYTES];
    scratch_path(path, *state, "socket");
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(od_listen_adopt(fd, &taken, &error), OD_OK);
    assert_memory_equal(taken.text, "unix:/", 6);
    assert_string_equal(taken.text + 5, path);
    close(fd);
    // One without a file.
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(od_listen_adopt(fd, &taken, &error), OD_OK);
    assert_memory_equal(taken.text, "unix:@", 6);
    assert_true(strlen(taken.text) > 6);
    close(fd);
}

static void what_is_no_listening_stream_socket_is_refused(void **state) {
    (void)state;
    assert_refused(open("/dev/null", O_RDWR), "it is no socket");
    assert_refused(open_tcp(SOCK_DGRAM, INADDR_LOOPBACK), "it is no stream socket");
    assert_refused(open_tcp(SOCK_STREAM, INADDR_LOOPBACK), "it does not listen");
}

static void addresses_that_others_reach_are_known(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool local;
        bool wildcard;
    } cases[] = {
        {"127.0.0.1:1", true, false},
        {"127.9.9.9:1", true, false},
        {"[::1]:1", true, false},
        {"unix:/x", true, false},
        {"10.0.0.5:1", false, false},
        {"[fd00::5]:1", false, false},
        {"0.0.0.0:1", false, true},
        {"[::]:1", false, true},
        {"[::ffff:127.0.0.1]:1", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&taken.address;
        assert_int_equal(od_listen_parse(cases[i].text, &taken, &error), OD_OK);
        assert_int_equal(od_listen_is_local(address), cases[i].local);
        assert_int_equal(od_listen_is_wildcard(address), cases[i].wildcard);
    }
}

static void hosts_are_parsed(void **state) {
    (void)state;
    od_listen_host host;
    static const struct {
        const char *text;
        const char *name;
        int port;
    } good[] = {
        {"lab.example", "lab.example", 0}, {"lab:443", "lab", 443},     {"10.0.0.5", "10.0.0.5", 0},
        {"10.0.0.5:80", "10.0.0.5", 80},   {"FD00:0::5", "fd00::5", 0}, {"[fd00::5]", "fd00::5", 0},
        {"[fd00::5]:81", "fd00::5", 81},
    };
    static const char *const bad[] = {
        "",     "lab:", "lab:0",   "lab:65536", "lab:http", "a b",  "http://a", "lab.example/",
        "[lab", "-lab", "a:1:2:x", "evil\r\n",  "*",        ".lab", "lab:-1"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(od_listen_parse_host(good[i].text, &host, &error), OD_OK);
        assert_string_equal(host.name, good[i].name);
        assert_int_equal(host.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(od_listen_parse_host(bad[i], &host, &error), OD_E_INVALID);
    }
    char name[400];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(od_listen_parse_host(name, &host, &error), OD_E_INVALID);
}

static void nothing_is_handed_over(void **state) {
    (void)state;
    size_t count = 7;
    unsetenv("LISTEN_FDS");
    assert_int_equal(od_listen_handed_over(&taken, 1, &count, &error), OD_OK);
    assert_int_equal(count, 0);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1); // somebody else's
    assert_int_equal(od_listen_handed_over(&taken, 1, &count, &error), OD_OK);
    assert_int_equal(count, 0);
}

#ifdef HAVE_SYSTEMD
static void hand_over(const char *count) {
    char pid[32];
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
}

static void sockets_are_handed_over_from_3_on(void **state) {
    (void)state;
    od_listen two[2];
    size_t count = 0;
    for (int fd = 3; fd < 5; fd++) {
        int other = listen_on(INADDR_LOOPBACK);
        if (other != fd) {
            assert_int_equal(dup2(other, fd), fd);
            close(other);
        }
    }
    hand_over("2");
    assert_int_equal(od_listen_handed_over(two, 2, &count, &error), OD_OK);
    assert_int_equal(count, 2);
    assert_int_equal(two[0].fd, 3);
    assert_int_equal(two[1].fd, 4);
    assert_string_not_equal(two[0].text, two[1].text);
    assert_true((fcntl(4, F_GETFD) & FD_CLOEXEC) != 0);
    assert_null(getenv("LISTEN_FDS"));
    hand_over("2");
    assert_int_equal(od_listen_handed_over(two, 1, &count, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "hands over 2 sockets; 1"));
    assert_int_equal(dup2(open("/dev/null", O_RDONLY), 4), 4);
    hand_over("2");
    assert_int_equal(od_listen_handed_over(two, 2, &count, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "descriptor 4"));
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_socket_is_taken),
        cmocka_unit_test_setup_teardown(unix_sockets_are_taken, scratch_setup, scratch_teardown),
        cmocka_unit_test(what_is_no_listening_stream_socket_is_refused),
        cmocka_unit_test(addresses_that_others_reach_are_known),
        cmocka_unit_test(hosts_are_parsed),
        cmocka_unit_test(nothing_is_handed_over),
#ifdef HAVE_SYSTEMD
        cmocka_unit_test(sockets_are_handed_over_from_3_on),
#endif
    };
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
