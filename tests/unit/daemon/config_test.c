// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include "tests/unit/daemon/world.h"
#include "tests/unit/scratch.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 16 };

static od_config config;
static od_error error;

// Reads "orthod --worker FAKE" and the further arguments, up to a NULL.
static od_status read_arguments(const char *const *more) {
    char *argv[ARGUMENTS_MAX] = {"orthod", "--worker", (char *)world_fake_worker()};
    int argc = 3;
    for (; *more != NULL; more++) {
        argv[argc++] = (char *)*more;
    }
    error = (od_error){0};
    return od_config_read(argc, argv, &config, &error);
}
#define READ(...) read_arguments((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static int scratch_with_home(void **state) {
    if (scratch_setup(state) != 0) {
        return -1;
    }
    unsetenv("STATE_DIRECTORY");
    unsetenv("XDG_STATE_HOME");
    return setenv("HOME", *state, 1);
}

static void defaults_need_nothing(void **state) {
    char expected[SCRATCH_PATH_BYTES];
    assert_int_equal(READ(), OD_OK);
    assert_int_equal(config.listen_count, 1);
    assert_string_equal(config.listen[0].text, "127.0.0.1:8420");
    assert_string_equal(config.state_dir, scratch_path(expected, *state, ".local/state/orthod"));
    assert_true(config.cpu_slots >= 1);
    assert_true(config.default_threads >= 1 && config.default_threads <= config.cpu_slots);
}

static void the_state_directory_has_an_order_of_places(void **state) {
    (void)state;
    setenv("XDG_STATE_HOME", "/xdg", 1);
    assert_int_equal(READ(), OD_OK);
    assert_string_equal(config.state_dir, "/xdg/orthod");
    setenv("STATE_DIRECTORY", "/systemd:/second", 1);
    assert_int_equal(READ(), OD_OK);
    assert_string_equal(config.state_dir, "/systemd");
    assert_int_equal(READ("--state-dir=/given"), OD_OK);
    assert_string_equal(config.state_dir, "/given");
    assert_int_equal(READ("--state-dir", "below"), OD_OK);
    assert_int_equal(config.state_dir[0], '/');
    assert_non_null(strstr(config.state_dir, "/below"));
}

static void addresses_are_parsed(void **state) {
    (void)state;
    assert_int_equal(READ("--listen", "127.0.0.2:1", "--listen=[::1]:65535", "--listen",
                          "unix:/tmp/x.sock", "--listen", "localhost:0"),
                     OD_OK);
    assert_int_equal(config.listen_count, 4);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&config.listen[0].address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&config.listen[1].address;
    const struct sockaddr_un *local = (const struct sockaddr_un *)&config.listen[2].address;
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(ntohs(v4->sin_port), 1);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), 0x7f000002);
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(v6->sin6_port), 65535);
    assert_int_equal(local->sun_family, AF_UNIX);
    assert_string_equal(local->sun_path, "/tmp/x.sock");
}

static void assert_refused(od_status status, const char *text) {
    assert_int_equal(status, OD_E_INVALID);
    if (strstr(error.text, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, error.text);
    }
}

static void addresses_that_others_reach_need_tokens_and_names(void **state) {
    (void)state;
    static const char *const all[] = {"0.0.0.0:8420", "[::]:8420"};
    assert_refused(READ("--listen", "192.168.1.1:8420"), "needs --token-file FILE");
    assert_int_equal(READ("--listen", "192.168.1.1:8420", "--token-file", "/t"), OD_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_refused(READ("--listen", all[i]), "needs --token-file FILE");
        assert_refused(READ("--listen", all[i], "--host", "lab"), "needs --token-file FILE");
        assert_refused(READ("--listen", all[i], "--token-file", "/t"), "--host NAME");
        assert_int_equal(READ("--listen", all[i], "--token-file", "/t", "--host", "lab"), OD_OK);
    }
    assert_refused(READ("--listen", "127.0.0.1:1", "--listen", "10.0.0.1:1"),
                   "--listen 10.0.0.1:1");
    config.listen[0].fd = 3;
    config.listen[0].address = config.listen[1].address;
    assert_int_equal(od_config_check_listen(&config, &error), OD_E_INVALID);
    assert_non_null(strstr(error.text, "the service manager's socket 127.0.0.1:1"));
}

static void hosts_of_the_command_line_replace_the_files(void **state) {
    static const char text[] = "host = one\nhost = two:443\n";
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "conf", text, strlen(text));
    scratch_path(path, *state, "conf");
    assert_int_equal(READ("--config", path), OD_OK);
    assert_int_equal(config.host_count, 2);
    assert_string_equal(config.hosts[1].name, "two");
    assert_int_equal(config.hosts[1].port, 443);
    assert_int_equal(READ("--host", "three", "--config", path, "--host", "four"), OD_OK);
    assert_int_equal(config.host_count, 2);
    assert_string_equal(config.hosts[0].name, "three");
    assert_string_equal(config.hosts[1].name, "four");
    assert_refused(READ("--host", "a b"), "--host a b");
}

static void the_queue_has_its_options(void **state) {
    (void)state;
    assert_int_equal(READ(), OD_OK);
    assert_true(config.memory_bytes > 0);
    assert_true(config.backfill);
    assert_false(config.preempt);
    assert_int_equal(config.retry_delay_ms, 5000);
    assert_int_equal(config.retry_delay_max_ms, 600000);
    assert_int_equal(READ("--memory", "48G", "--backfill", "no", "--preempt", "yes"), OD_OK);
    assert_int_equal(config.memory_bytes, (int64_t)48 << 30);
    assert_false(config.backfill);
    assert_true(config.preempt);
    assert_int_equal(READ("--memory", "67108864", "--retry-delay", "0", "--retry-delay-max", "60"),
                     OD_OK);
    assert_int_equal(config.memory_bytes, 64 << 20);
    assert_int_equal(config.retry_delay_ms, 0);
    assert_int_equal(config.retry_delay_max_ms, 60000);
}

static void labels_get_limits(void **state) {
    (void)state;
    assert_int_equal(READ("--label-limit", "user=*:2", "--label-limit", "paper=a:b=c:10"), OD_OK);
    assert_int_equal(config.label_limit_count, 2);
    assert_string_equal(config.label_limits[0].key, "user");
    assert_string_equal(config.label_limits[0].value, "*");
    assert_int_equal(config.label_limits[0].most, 2);
    assert_string_equal(config.label_limits[1].key, "paper");
    assert_string_equal(config.label_limits[1].value, "a:b=c");
    assert_int_equal(config.label_limits[1].most, 10);
}

static void wrong_options_of_the_queue_are_named(void **state) {
    static const char *const sizes[] = {"", "0", "63M", "48GB", "-1G", "x", "1e9", "99999999T"};
    static const char *const limits[] = {"",       "user",     "user:2",   "=a:2",
                                         "user=a", "user=a:0", "user=a:x", "user=a:"};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_refused(READ("--memory", sizes[i]), "--memory");
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        assert_refused(READ("--label-limit", limits[i]), "--label-limit");
    }
    assert_refused(READ("--backfill", "maybe"), "--backfill maybe: is not yes or no");
    assert_refused(READ("--preempt", ""), "--preempt");
    assert_refused(READ("--retry-delay", "-1"), "--retry-delay -1");
    assert_refused(READ("--retry-delay-max", "86401"), "--retry-delay-max 86401");
}

static void roots_are_for_workers(void **state) {
    char runs[SCRATCH_PATH_BYTES];
    assert_int_equal(READ(), OD_OK);
    assert_null(config.worker_options[0]);
    assert_int_equal(READ("--token-file", "/t"), OD_OK);
    assert_string_equal(config.worker_options[0], "--data-root");
    assert_string_equal(config.worker_options[1], "/usr/share/datasets");
    assert_string_equal(config.worker_options[2], "--checkpoint-root");
    assert_string_equal(config.worker_options[3],
                        scratch_path(runs, *state, ".local/state/orthod/runs"));
    assert_null(config.worker_options[4]);
    assert_int_equal(READ("--checkpoint-root", "/c", "--checkpoint-root", "below"), OD_OK);
    assert_string_equal(config.worker_options[1], "/usr/share/datasets");
    assert_string_equal(config.worker_options[3], "/c");
    assert_int_equal(config.worker_options[5][0], '/');
    assert_non_null(strstr(config.worker_options[5], "/below"));
    assert_string_equal(config.worker_options[6], "--checkpoint-root");
    assert_null(config.worker_options[8]);
    assert_refused(READ("--data-root", ""), "--data-root");
}

static void wrong_usage_is_named(void **state) {
    static const char *const listens[] = {"8420",
                                          "127.0.0.1",
                                          "127.0.0.1:",
                                          "127.0.0.1:x",
                                          "127.0.0.1:99999",
                                          "127.0.0.1:8420x",
                                          "host:80",
                                          "unix:",
                                          ":80",
                                          "127.0.0.1:-1",
                                          ""};
    static const char *const slots[] = {"0", "-1", "two", "", "2.5", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof listens / sizeof listens[0]; i++) {
        assert_refused(READ("--listen", listens[i]), "--listen");
    }
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        assert_refused(READ("--cpu-slots", slots[i]), "--cpu-slots");
    }
    assert_refused(READ("--colour", "red"), "--colour: there is no such option");
    assert_refused(READ("--colour"), "--colour: there is no such option");
    assert_refused(READ("serve"), "serve: unexpected");
    assert_refused(READ("--listen"), "--listen: needs a value");
    assert_refused(READ("--log-level", "loud"), "--log-level loud");
    assert_refused(READ("--state-dir", ""), "--state-dir");
}

static void help_and_version_win(void **state) {
    (void)state;
    assert_int_equal(READ("--nonsense", "--help"), OD_OK);
    assert_int_equal(config.action, OD_CONFIG_HELP);
    assert_int_equal(READ("--version"), OD_OK);
    assert_int_equal(config.action, OD_CONFIG_VERSION);
}

static void the_file_is_read_and_the_command_line_wins(void **state) {
    static const char text[] = "# a comment\n\n  listen = 127.0.0.1:1\nlisten=unix:/a b\r\n"
                               "cpu-slots = 7\nlog-level = debug";
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "conf", text, strlen(text));
    scratch_path(path, *state, "conf");
    assert_int_equal(READ("--config", path), OD_OK);
    assert_int_equal(config.listen_count, 2);
    assert_string_equal(config.listen[1].text, "unix:/a b");
    assert_int_equal(config.cpu_slots, 7);
    assert_int_equal(config.default_threads, 3);
    assert_int_equal(config.log_level, OD_LOG_DEBUG);
    assert_int_equal(READ("--cpu-slots", "1", "--listen", "127.0.0.1:2", "--config", path), OD_OK);
    assert_int_equal(config.cpu_slots, 1);
    assert_int_equal(config.default_threads, 1);
    assert_int_equal(config.listen_count, 1);
    assert_string_equal(config.listen[0].text, "127.0.0.1:2");
}

static void faults_of_the_file_have_a_line(void **state) {
    static const struct {
        const char *text, *fault;
    } files[] = {
        {"\nlisten", "line 2: is not NAME = VALUE"},
        {"colour = red\n", "line 1: there is no option colour"},
        {"config = other\n", "line 1: there is no option config"},
        {"cpu-slots = 1\ncpu-slots = no\n", "line 2: --cpu-slots no"},
    };
    char path[SCRATCH_PATH_BYTES];
    scratch_path(path, *state, "conf");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        scratch_write(*state, "conf", files[i].text, strlen(files[i].text));
        assert_refused(READ("--config", path), files[i].fault);
    }
    assert_int_equal(READ("--config", "/nonexistent/conf"), OD_E_NOT_FOUND);
}

static void a_file_that_is_no_text_is_refused(void **state) {
    static const struct {
        const char *text;
        size_t size;
        const char *fault;
    } files[] = {
#define BYTES(text) text, sizeof(text) - 1
        {BYTES("\0"), "line 1: has the byte 0x00"},
        {BYTES("cpu-slots = 1\n\0log-level = loud\n"), "line 2: has the byte 0x00"},
        {BYTES("listen = unix:/a\0b\n"), "line 1: has the byte 0x00"},
        {BYTES("# \tfine\r\n\nstate-dir = /a\x1b[1m\n"), "line 3: has the byte 0x1b"},
        {BYTES("state-dir = /\x7f"), "line 1: has the byte 0x7f"},
        {BYTES("# caf\xe9\n"), "line 1: has the byte 0xe9"},
        {BYTES("\xff\xfe#\0"), "line 1: has the byte 0xff"},
#undef BYTES
    };
    static const char fine[] = "# caf\xc3\xa9\nstate-dir = /\xc3\xa9\n";
    char path[SCRATCH_PATH_BYTES];
    scratch_path(path, *state, "conf");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        scratch_write(*state, "conf", files[i].text, files[i].size);
        assert_refused(READ("--config", path), files[i].fault);
    }
    scratch_write(*state, "conf", fine, strlen(fine));
    assert_int_equal(READ("--config", path), OD_OK);
    assert_string_equal(config.state_dir, "/\xc3\xa9");
}

static void a_worker_that_is_no_program_is_refused(void **state) {
    (void)state;
    assert_int_equal(READ("--worker", "/nonexistent/worker"), OD_E_NOT_FOUND);
    assert_int_equal(READ("--worker", "/etc"), OD_E_IO);
    assert_non_null(strstr(error.text, "is not a program"));
}

enum { FAULTS_MAX = 16 };

static struct {
    char text[FAULTS_MAX][512];
    size_t count;
} faults;

static void note_fault(void *ctx, const char *fault) {
    (void)ctx;
    assert_true(faults.count < FAULTS_MAX);
    snprintf(faults.text[faults.count++], sizeof faults.text[0], "%s", fault);
}

static void a_check_tells_of_every_fault_once(void **state) {
    static const char text[] = "listen = lab:1\nlisten = 127.0.0.1:1\ncolour = red\n"
                               "cpu-slots = 0\nnonsense\n";
    static const char *const expected[] = {
        "line 1: --listen lab:1",
        "line 3: there is no option colour",
        "line 4: --cpu-slots 0",
        "line 5: is not NAME = VALUE",
        "--size: there is no such option",
        "serve: unexpected",
        "--log-level loud",
        "worker /nonexistent",
    };
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "conf", text, strlen(text));
    scratch_path(path, *state, "conf");
    char *arguments[] = {"check-config",
                         "--config",
                         path,
                         "--size=2",
                         "serve",
                         "--log-level",
                         "loud",
                         "--worker",
                         "/nonexistent/worker",
                         NULL};
    faults.count = 0;
    assert_int_equal(od_config_check(9, arguments, &config, note_fault, NULL), OD_E_INVALID);
    assert_int_equal(faults.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < faults.count; i++) {
        assert_non_null(strstr(faults.text[i], expected[i]));
    }
}

static void a_check_of_what_is_fine_tells_nothing(void **state) {
    char *arguments[] = {"check-config", "--worker", (char *)world_fake_worker(), NULL};
    (void)state;
    faults.count = 0;
    assert_int_equal(od_config_check(3, arguments, &config, note_fault, NULL), OD_OK);
    assert_int_equal(faults.count, 0);
    assert_int_equal(config.listen_count, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_with_home, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults_need_nothing),
        TEST(the_state_directory_has_an_order_of_places),
        TEST(addresses_are_parsed),
        TEST(addresses_that_others_reach_need_tokens_and_names),
        TEST(hosts_of_the_command_line_replace_the_files),
        TEST(roots_are_for_workers),
        TEST(wrong_usage_is_named),
        TEST(the_queue_has_its_options),
        TEST(labels_get_limits),
        TEST(wrong_options_of_the_queue_are_named),
        TEST(help_and_version_win),
        TEST(the_file_is_read_and_the_command_line_wins),
        TEST(faults_of_the_file_have_a_line),
        TEST(a_file_that_is_no_text_is_refused),
        TEST(a_worker_that_is_no_program_is_refused),
        TEST(a_check_tells_of_every_fault_once),
        TEST(a_check_of_what_is_fine_tells_nothing),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
