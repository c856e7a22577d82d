// SPDX-License-Identifier: Apache-2.0
#include "daemon/http/guard.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

#include <cmocka.h>

static od_guard guard_of(const char *address, uint16_t port) {
    od_guard guard;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1) {
        od_guard_init(&guard, (struct sockaddr *)&in, NULL, 0);
    } else {
        assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
        od_guard_init(&guard, (struct sockaddr *)&in6, NULL, 0);
    }
    return guard;
}

static void test_own_hosts(void **state) {
    (void)state;
    od_guard guard = guard_of("127.0.0.5", 8420);
    static const char *const own[] = {"localhost:8420", "LOCALHOST:8420", "127.0.0.1:8420",
                                      "[::1]:8420", "127.0.0.5:8420"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        assert_true(od_guard_host_is_own(&guard, own[i]));
    }
    guard = guard_of("::1", 80);
    assert_true(od_guard_host_is_own(&guard, "[::1]"));
    assert_true(od_guard_host_is_own(&guard, "localhost"));
}

static void test_listed_hosts(void **state) {
    (void)state;
    static const od_listen_host hosts[] = {{"lab.example", 0}, {"fd00::5", 0}, {"proxy", 443}};
    static const char *const own[] = {
        "lab.example:8420", "LAB.example:8420", "[fd00::5]:8420", "proxy:443", "proxy",
        "0.0.0.0:8420",     "localhost:8420"};
    static const char *const others[] = {"lab.example",      "lab.example:443", "fd00::5:8420",
                                         "proxy:8420",       "proxy:80",        "lab.example.:8420",
                                         "evil.lab.example", "10.0.0.5:8420",   "localhost:443"};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(8420)};
    od_guard guard;
    od_guard_init(&guard, (struct sockaddr *)&in, hosts, sizeof hosts / sizeof hosts[0]);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (!od_guard_host_is_own(&guard, own[i])) {
            fail_msg("\"%s\" did not pass", own[i]);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (od_guard_host_is_own(&guard, others[i])) {
            fail_msg("\"%s\" passed", others[i]);
        }
    }
}

static void test_other_hosts(void **state) {
    (void)state;
    od_guard guard = guard_of("127.0.0.1", 8420);
    static const char *const others[] = {
        "",
        "evil.example:8420",
        "evil.example",
        "localhost",
        "localhost:8421",
        "127.0.0.1",
        "localhost.evil.example:8420",
        "localhost:",
        "localhost:8420x",
        "localhost:+8420",
        "localhost:08420",
        "localhost: 8420",
        ":8420",
        "[::1",
        "[]:8420",
        "[::1]8420",
        "::1:8420",
        "[::2]:8420",
        "127.0.0.5:8420",
        "127.1:8420",
        "localhost:8420:8420",
        "localhost:18446744073709560036",
    };
    assert_false(od_guard_host_is_own(&guard, NULL));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (od_guard_host_is_own(&guard, others[i])) {
            fail_msg("\"%s\" passed", others[i]);
        }
    }
}

static void test_a_unix_socket_takes_every_host(void **state) {
    (void)state;
    od_guard guard;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    od_guard_init(&guard, (struct sockaddr *)&un, NULL, 0);
    assert_true(od_guard_host_is_own(&guard, "anything"));
    assert_true(od_guard_host_is_own(&guard, NULL));
}

static void test_origins(void **state) {
    (void)state;
    static const char host[] = "localhost:8420";
    assert_true(od_guard_same_origin(host, NULL, NULL));
    assert_true(od_guard_same_origin(host, "http://localhost:8420", NULL));
    assert_true(od_guard_same_origin(host, "https://localhost:8420", "same-origin"));
    assert_true(od_guard_same_origin(host, NULL, "none"));
    assert_false(od_guard_same_origin(host, "null", NULL));
    assert_false(od_guard_same_origin(host, "", NULL));
    assert_false(od_guard_same_origin(host, "http://evil.example", NULL));
    assert_false(od_guard_same_origin(host, "http://localhost:8421", NULL));
    assert_false(od_guard_same_origin(host, "http://localhost", NULL));
    assert_false(od_guard_same_origin(host, "ftp://localhost:8420", NULL));
    assert_false(od_guard_same_origin(host, "http://localhost:8420", "cross-site"));
    assert_false(od_guard_same_origin(host, NULL, "same-site"));
    assert_false(od_guard_same_origin(NULL, "http://localhost:8420", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_hosts),   cmocka_unit_test(test_listed_hosts),
        cmocka_unit_test(test_other_hosts), cmocka_unit_test(test_a_unix_socket_takes_every_host),
        cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
