// SPDX-License-Identifier: Apache-2.0
// orthod, when it is a daemon (command.h has what else it can do). main() is a table of contents;
// the order of start() matters:
//
//   1. config      nothing is touched before the usage is right
//   2. sockets     that a service manager hands over take the place of --listen
//   3. folder      of the state, on a local disk; a unix socket may lie in it
//   4. http        listens, and answers nothing before the loop runs. An address that is taken ends
//                  the start here: no file is made, and a new folder goes again
//   5. lock        one daemon for one state directory
//   6. store       the database, brought up to date
//   7. schemas     compiled in, so a fault is a fault of this program
//   8. hub         before anything commits events
//   9. planner
//  10. queue       knows nothing of the jobs yet; /readyz says 503
//  11. adopt       the queue reads the jobs, finds their workers, and starts to schedule
//  12. ready       the service manager is told, /readyz says 200
//
// A stop goes the other way round and leaves the workers alone: the next daemon adopts them.
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/schemas.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/filesystem.h"
#include "daemon/http/server.h"
#include "daemon/notify.h"
#include "daemon/sse/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
    STOP_GRACE_MS = 30000, // a worker finishes its step and writes a checkpoint
    PLANNER_TIMEOUT_MS = 10000,
    BOOT_ID_BYTES = 40,
    TAKE_OVER_TRIES = 100,
    TAKE_OVER_PAUSE_MS = 10,
};

typedef struct program {
    od_daemon daemon;
    od_config config;
    uv_loop_t loop;
    uv_signal_t signals[2];
    od_notify *notify;
    char new_folder[PATH_MAX]; // the first of the state directory's path that was not there, or ""
    char boot_id[BOOT_ID_BYTES];
    int lock;
    int exit_status;
    od_error error; // why it ends
} program;

static void stop(program *orthod) {
    orthod->daemon.stopping = true;
    uv_stop(&orthod->loop);
}

static void on_signal(uv_signal_t *handle, int signal) {
    program *orthod = handle->data;
    od_log(OD_LOG_INFO, "stopping; workers go on", "signal=%d", signal);
    if (orthod->notify != NULL) {
        od_notify_stopping(orthod->notify);
    }
    stop(orthod);
}

static void publish(void *ctx, const od_event *events, size_t count) {
    const program *orthod = ctx;
    od_hub_publish(orthod->daemon.hub, events, count);
    od_notify_changed(orthod->notify);
}

static void describe(void *ctx, char out[OD_NOTIFY_STATUS_BYTES]) {
    od_queue_load load = od_queue_get_load(((const program *)ctx)->daemon.queue);
    snprintf(out, OD_NOTIFY_STATUS_BYTES, "%zu running, %zu queued", load.running, load.queued);
}

// What a service manager hands over takes the place of --listen.
static od_status take_sockets(od_config *config, od_error *error) {
    static od_listen handed[OD_CONFIG_LISTEN_MAX];
    size_t count = 0;
    OD_TRY(od_listen_handed_over(handed, OD_CONFIG_LISTEN_MAX, &count, error));
    if (count > 0) {
        memcpy(config->listen, handed, count * sizeof handed[0]);
        config->listen_count = count;
    }
    return od_config_check_listen(config, error);
}

static od_status make_folder(program *orthod, od_error *error) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", orthod->config.state_dir);
    for (char *above = path; access(above, F_OK) != 0; above = dirname(above)) {
        snprintf(orthod->new_folder, sizeof orthod->new_folder, "%s", above);
    }
    OD_TRY(od_file_make_folders(orthod->config.state_dir, error));
    return od_filesystem_check(orthod->config.state_dir, error);
}

// After a start that failed: what it made, as far as there is nothing in it.
static void remove_new_folders(const program *orthod) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", orthod->config.state_dir);
    size_t shortest = strlen(orthod->new_folder);
    for (char *folder = path; shortest > 0 && strlen(folder) >= shortest && rmdir(folder) == 0;) {
        folder = dirname(folder);
    }
}

static od_status listen_on_all(program *orthod, od_error *error) {
    return od_http_new(&orthod->daemon, &orthod->daemon.http, error);
}

// A daemon that was killed while it started a process leaves a child that holds its addresses and
// its lock until it has become the other program: for an instant, on a busy machine a longer one.
static od_status take_over(program *orthod, od_status (*take)(program *, od_error *),
                           od_error *error) {
    const struct timespec pause = {.tv_nsec = TAKE_OVER_PAUSE_MS * 1000000L};
    od_status status = take(orthod, error);
    for (int i = 0; i < TAKE_OVER_TRIES && status == OD_E_BUSY; i++) {
        nanosleep(&pause, NULL);
        status = take(orthod, error);
    }
    return status;
}

static od_status lock_state(program *orthod, od_error *error) {
    char path[PATH_MAX];
    const char *folder = orthod->config.state_dir;
    if (snprintf(path, sizeof path, "%s/orthod.lock", folder) >= (int)sizeof path) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s: the path is too long", folder);
    }
    if (orthod->lock < 0) {
        orthod->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (orthod->lock < 0) {
        return od_error_set_errno(error, errno, "state directory %s: cannot write", folder);
    }
    if (flock(orthod->lock, LOCK_EX | LOCK_NB) != 0) {
        return od_error_set(error, OD_E_BUSY,
                            "another orthod uses %s; stop it or give another --state-dir", folder);
    }
    return OD_OK;
}

static od_status open_store(program *orthod, od_error *error) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/orthod.db", orthod->config.state_dir) >= (int)sizeof path) {
        return od_error_set(error, OD_E_TOO_LARGE, "%s: the path is too long",
                            orthod->config.state_dir);
    }
    return od_store_open(&orthod->loop, path, &orthod->daemon.store, error);
}

static od_status open_planner(program *orthod, od_error *error) {
    const od_planner_config config = {
        .loop = &orthod->loop,
        .worker = orthod->config.worker,
        .options = orthod->config.worker_options,
        .default_threads = orthod->config.default_threads,
        .timeout_ms = PLANNER_TIMEOUT_MS,
    };
    return od_planner_new(&config, &orthod->daemon.planner, error);
}

// "" on a system that has none: then no run can be told to be of another boot.
static void read_boot_id(char out[BOOT_ID_BYTES]) {
    od_buffer text = {0};
    od_error ignored;
    if (od_file_read("/proc/sys/kernel/random/boot_id", BOOT_ID_BYTES, &text, &ignored) == OD_OK) {
        snprintf(out, BOOT_ID_BYTES, "%.*s", (int)strcspn(text.data, "\n"), text.data);
    }
    od_buffer_fini(&text);
}

static od_status open_queue(program *orthod, od_error *error) {
    const od_config *given = &orthod->config;
    read_boot_id(orthod->boot_id);
    const od_queue_config config = {
        .loop = &orthod->loop,
        .store = orthod->daemon.store,
        .sink = {publish, orthod},
        .state_dir = orthod->config.state_dir,
        .worker = orthod->config.worker,
        .worker_options = orthod->config.worker_options,
        .devices = {.items = {{.id = "cpu",
                               .kind = OD_DEVICE_CPU,
                               .slots = given->cpu_slots,
                               .slots_free = given->cpu_slots,
                               .memory_bytes = given->memory_bytes,
                               .memory_free_bytes = given->memory_bytes}},
                    .count = 1},
        .default_threads = given->default_threads,
        .backfill = given->backfill,
        .preempt = given->preempt,
        .label_limits = given->label_limits,
        .label_limit_count = given->label_limit_count,
        .stop_grace_ms = STOP_GRACE_MS,
        .retry_delay_ms = given->retry_delay_ms,
        .retry_delay_max_ms = given->retry_delay_max_ms,
        .boot_id = orthod->boot_id,
    };
    return od_queue_new(&config, &orthod->daemon.queue, error);
}

static void on_ready(void *ctx, od_status status, const od_error *error) {
    program *orthod = ctx;
    if (status != OD_OK) {
        orthod->error = *error;
        orthod->exit_status = 1;
        stop(orthod);
        return;
    }
    orthod->daemon.ready = true;
    for (size_t i = 0; i < orthod->config.listen_count; i++) {
        od_log(OD_LOG_INFO, "ready", "listen=%s state_dir=%s cpu_slots=%" PRId64,
               orthod->config.listen[i].text, orthod->config.state_dir, orthod->config.cpu_slots);
    }
    od_notify_ready(orthod->notify);
}

static void catch_signals(program *orthod) {
    static const int numbers[] = {SIGTERM, SIGINT};
    signal(SIGPIPE, SIG_IGN); // a client or planner that went away is an error code
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&orthod->loop, &orthod->signals[i]);
        orthod->signals[i].data = orthod;
        uv_signal_start(&orthod->signals[i], on_signal, numbers[i]);
    }
}

static od_status start(program *orthod, od_error *error) {
    od_daemon *daemon = &orthod->daemon;
    daemon->loop = &orthod->loop;
    daemon->config = &orthod->config;
    daemon->started_ns = od_clock_monotonic_ns();
    OD_TRY(make_folder(orthod, error));
    OD_TRY(od_notify_new(&orthod->loop, describe, orthod, &orthod->notify, error));
    OD_TRY(take_over(orthod, listen_on_all, error));
    OD_TRY(take_over(orthod, lock_state, error));
    OD_TRY(open_store(orthod, error));
    OD_TRY(od_schemas_job(&daemon->job_schema, error));
    OD_TRY(od_schemas_experiment(&daemon->experiment_schema, error));
    OD_TRY(od_hub_new(&orthod->loop, daemon->store, &daemon->hub, error));
    OD_TRY(open_planner(orthod, error));
    OD_TRY(open_queue(orthod, error));
    od_http_announce(daemon->http);
    od_queue_start(daemon->queue, on_ready, orthod);
    return OD_OK;
}

// Fine after a start that got only part of the way.
static void finish(program *orthod) {
    od_daemon *daemon = &orthod->daemon;
    daemon->stopping = true;
    od_http_close(daemon->http);
    od_queue_close(daemon->queue);
    od_planner_close(daemon->planner);
    od_store_close(daemon->store); // what was asked for is committed, and published
    od_hub_close(daemon->hub);
    od_notify_close(orthod->notify);
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&orthod->signals[i], NULL);
    }
    uv_run(&orthod->loop, UV_RUN_DEFAULT);
    uv_loop_close(&orthod->loop);
    od_schema_free(daemon->job_schema);
    od_schema_free(daemon->experiment_schema);
    if (orthod->lock >= 0) {
        close(orthod->lock);
    }
}

static int run(program *orthod) {
    if (take_sockets(&orthod->config, &orthod->error) != OD_OK) {
        fprintf(stderr, "orthod: %s\n", orthod->error.text);
        return 1;
    }
    if (uv_loop_init(&orthod->loop) != 0) {
        fprintf(stderr, "orthod: cannot make an event loop\n");
        return 1;
    }
    orthod->lock = -1;
    catch_signals(orthod);
    if (start(orthod, &orthod->error) == OD_OK) {
        uv_run(&orthod->loop, UV_RUN_DEFAULT);
    } else {
        orthod->exit_status = 1;
    }
    finish(orthod);
    if (orthod->exit_status != 0) {
        remove_new_folders(orthod);
        fprintf(stderr, "orthod: %s\n", orthod->error.text);
    }
    return orthod->exit_status;
}

int main(int argc, char **argv) {
    static program orthod;
    od_error error;
    od_command *command = od_command_find(argc, argv);
    if (command != NULL) {
        return command(argc - 1, argv + 1);
    }
    od_status status = od_config_read(argc, argv, &orthod.config, &error);
    if (status != OD_OK) {
        fprintf(stderr, "orthod: %s\n", error.text);
        return status == OD_E_INVALID ? 2 : 1;
    }
    if (od_command_answer(&orthod.config)) {
        return 0;
    }
    od_log_set_level(orthod.config.log_level);
    return run(&orthod);
}
