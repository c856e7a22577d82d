// SPDX-License-Identifier: Apache-2.0
// Plays an ortho-worker for the tests of the daemon: no training, the same run directory, the same
// signals. The spec's "name" says what happens:
//
//   succeed  start, six steps, end                 fail     start, end with `failed`
//   crash    the first attempt dies at step 5 after a checkpoint at 3, the second succeeds
//   doomed   every attempt dies                    mute     leaves with status 7 and a log line
//   wait     stops on SIGTERM; succeeds on SIGUSR1, and when it is started again
//   deaf     ignores SIGTERM                       garbage  writes all kinds of bad lines as well
//
// As a planner ("plan -"): it answers every spec, "bad" with an error; the first spec's name makes
// the whole planner go wrong: hang, garbage, mute, short.
#include "base/json.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 6, CHECKPOINT = 3, CRASH_AT = 5, INPUT_MAX = 1 << 20 };

typedef struct play {
    int events;
    int attempt;
    const char *name;
} play;

static void say(const play *p, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const play *p, const char *type, const char *format, ...) {
    char rest[512];
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    int length = snprintf(line, sizeof line,
                          "{\"v\": 1, \"type\": \"%s\", \"attempt\": %d,"
                          " \"at\": \"2026-01-01T00:00:00.000Z\", %s}\n",
                          type, p->attempt, rest);
    if (write(p->events, line, (size_t)length) != length) {
        abort();
    }
}

static void say_start(const play *p, int step) {
    say(p, "start",
        "\"step\": %d, \"steps\": %d, \"steps_per_epoch\": 3, \"pid\": %d,"
        " \"boot_id\": \"boot\"",
        step, STEPS, (int)getpid());
}

static void say_steps(const play *p, int from, int to) {
    for (int step = from; step <= to; step++) {
        say(p, "metrics", "\"step\": %d, \"epoch\": %d, \"values\": {\"train/loss\": %d.%d}", step,
            (step - 1) / 3, STEPS - step, p->attempt);
        say(p, "progress",
            "\"step\": %d, \"steps\": %d, \"epoch\": %d, \"samples_per_sec\": 10,"
            " \"eta_s\": 1.5",
            step, STEPS, (step - 1) / 3);
    }
}

static int end(const play *p, const char *outcome, const char *reason, int status) {
    say(p, "end", "\"step\": %d, \"outcome\": \"%s\", \"reason\": %s", STEPS, outcome, reason);
    return status;
}

static int succeed(const play *p) {
    say_start(p, 0);
    say_steps(p, 1, STEPS);
    return end(p, "succeeded", "null", 0);
}

static int fail(const play *p) {
    say_start(p, 0);
    return end(p, "failed", "\"the data went away\"", 1);
}

static int crash(const play *p) {
    if (p->attempt == 1) {
        say_start(p, 0);
        say_steps(p, 1, CRASH_AT);
        fprintf(stderr, "first line\nout of luck\n");
        raise(SIGKILL);
    }
    say_start(p, CHECKPOINT);
    say_steps(p, CHECKPOINT + 1, STEPS);
    return end(p, "succeeded", "null", 0);
}

static int doomed(const play *p) {
    say_start(p, 0);
    raise(SIGKILL);
    return 0;
}

static int mute(const play *p) {
    (void)p;
    fprintf(stderr, "nothing to say\n");
    return 7;
}

// Signals are blocked from the start, so none is missed.
static int wait_for_signal(void) {
    sigset_t wanted;
    int number = 0;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGUSR1);
    sigwait(&wanted, &number);
    return number;
}

static int wait(const play *p) {
    say_start(p, p->attempt == 1 ? 0 : CHECKPOINT);
    if (p->attempt == 1) {
        say_steps(p, 1, CHECKPOINT);
        if (wait_for_signal() == SIGTERM) {
            return end(p, "stopped", "\"asked to stop\"", 3);
        }
    }
    say_steps(p, CHECKPOINT + 1, STEPS);
    return end(p, "succeeded", "null", 0);
}

static int deaf(const play *p) {
    say_start(p, 0);
    while (wait_for_signal() == SIGTERM) {
    }
    return end(p, "succeeded", "null", 0);
}

static int garbage(const play *p) {
    static const char *const lines[] = {
        "no json at all",
        "[1, 2]",
        "{\"v\": 1}",
        "{\"v\": 2, \"type\": \"end\", \"attempt\": 1, \"outcome\": \"failed\"}",
        "{\"v\": 1, \"type\": \"end\", \"attempt\": 9, \"outcome\": \"failed\"}",
        "{\"v\": 1, \"type\": \"metrics\", \"attempt\": 1, \"step\": -1, \"values\": {\"a\": 1}}",
        "{\"v\": 1, \"type\": \"metrics\", \"attempt\": 1, \"step\": 1, \"values\": {\"a\": []}}",
        "{\"v\": 1, \"type\": \"metrics\", \"attempt\": 1, \"step\": 1.5, \"values\": {}}",
        "{\"v\": 1, \"type\": \"progress\", \"attempt\": 1, \"step\": \"x\"}",
        "\xff\xfe",
        "",
    };
    say_start(p, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        dprintf(p->events, "%s\n", lines[i]);
    }
    dprintf(p->events, "{\"v\": 1, \"type\": \"unknown\", \"attempt\": 1}\n");
    say_steps(p, 1, STEPS);
    return end(p, "succeeded", "null", 0);
}

typedef struct role {
    const char *name;
    int (*play)(const play *p);
} role;

static const role roles[] = {
    {"succeed", succeed}, {"fail", fail}, {"crash", crash}, {"doomed", doomed},
    {"mute", mute},       {"wait", wait}, {"deaf", deaf},   {"garbage", garbage},
};

static cJSON *read_input(const char *path) {
    static char text[INPUT_MAX];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return cJSON_Parse(text);
}

static const char *option(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    fprintf(stderr, "%s is missing\n", name);
    exit(2);
}

static int number_option(int argc, char **argv, const char *name) {
    const char *text = option(argc, argv, name);
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 0 || value > INT_MAX) {
        fprintf(stderr, "%s is no number: %s\n", name, text);
        exit(2);
    }
    return (int)value;
}

// The descriptor that was handed down is the run's lock, and it is held.
static void check_lock(const char *folder, int fd) {
    char path[4096];
    struct stat ours;
    struct stat file;
    snprintf(path, sizeof path, "%s/lock", folder);
    if (fstat(fd, &ours) != 0 || stat(path, &file) != 0 || ours.st_ino != file.st_ino) {
        fprintf(stderr, "descriptor %d is not the lock\n", fd);
        exit(2);
    }
}

static int run(int argc, char **argv) {
    char path[4096];
    sigset_t all;
    sigemptyset(&all);
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGUSR1);
    sigprocmask(SIG_BLOCK, &all, NULL);
    const char *folder = option(argc, argv, "--dir");
    check_lock(folder, number_option(argc, argv, "--lock-fd"));
    snprintf(path, sizeof path, "%s/events.ndjson", folder);
    play p = {
        .events = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644),
        .attempt = number_option(argc, argv, "--attempt"),
        .name = cJSON_GetStringValue(cJSON_GetObjectItem(read_input(argv[2]), "name")),
    };
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (p.name != NULL && strcmp(roles[i].name, p.name) == 0) {
            return roles[i].play(&p);
        }
    }
    fprintf(stderr, "no such role\n");
    return 2;
}

static const char *name_of(const cJSON *spec) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(spec, "name"));
    return name != NULL ? name : "";
}

static int answer(const cJSON *specs) {
    const cJSON *spec;
    bool all_ok = true;
    const char *separator = "[";
    cJSON_ArrayForEach(spec, specs) {
        bool bad = strcmp(name_of(spec), "bad") == 0;
        all_ok = all_ok && !bad;
        printf("%s{\"ok\": %s, ", separator, bad ? "false" : "true");
        if (bad) {
            printf("\"errors\": [{\"pointer\": \"/name\", \"detail\": \"is bad\"}]}");
        } else {
            printf("\"spec\": %s, \"plan\": {\"steps\": %d}}", cJSON_PrintUnformatted(spec), STEPS);
        }
        separator = ",";
    }
    printf("]\n");
    return all_ok ? 0 : 1;
}

static int plan(int argc, char **argv) {
    const cJSON *specs = read_input("-");
    const char *name = name_of(cJSON_GetArrayItem(specs, 0));
    if (number_option(argc, argv, "--threads") < 1 || !cJSON_IsArray(specs)) {
        return 2;
    }
    if (strcmp(name, "hang") == 0) {
        pause();
    } else if (strcmp(name, "garbage") == 0) {
        printf("[{]");
        return 0;
    } else if (strcmp(name, "short") == 0) {
        printf("[]");
        return 0;
    } else if (strcmp(name, "mute") == 0) {
        return mute(NULL);
    }
    return answer(specs);
}

// Leaves without a sanitizer's look at memory that was not freed: it would change the status.
// Real workers outlive the daemon; one of a test must not outlive the test program.
static void end_with_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1) {
        exit(2); // it was too fast
    }
}

int main(int argc, char **argv) {
    end_with_parent();
    int status = 2;
    if (argc > 3 && strcmp(argv[1], "run") == 0) {
        status = run(argc, argv);
    } else if (argc > 3 && strcmp(argv[1], "plan") == 0) {
        status = plan(argc, argv);
    }
    fflush(NULL);
    _exit(status);
}
