// SPDX-License-Identifier: Apache-2.0
// Start: prepare the run directory on the pool (it takes the lock), spawn with the lock as
// descriptor 3, close our copies. From then on the kernel holds the lock as long as the worker
// lives, whatever happens to us. The end of a child comes as SIGCHLD; that of an adopted worker is
// seen by trying its lock a few times a second.
#include "daemon/exec/worker.h"

#include "base/log.h"
#include "daemon/exec/environment.h"
#include "daemon/exec/rundir.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROBE_MS = 250, LOCK_FD = 3 };

struct od_worker {
    od_worker_config config;
    // Its own copies, as the pool may need them when everybody else is gone.
    char *state_dir, *program, *spec;
    bool child; // process is in use
    bool exited;
    bool told_alive;
    bool busy; // a request is on the pool
    bool closing;
    int open_handles;
    uv_process_t process;
    uv_timer_t timer; // of the next probe
    uv_work_t request;
    od_rundir_files files;
    bool alive; // what the probe found
    od_status status;
    od_error error;
    od_oom_counts oom_before;
    od_worker_exit how;
};

static void free_if_closed(od_worker *worker) {
    if (worker->closing && !worker->busy && worker->open_handles == 0) {
        od_rundir_files_close(&worker->files);
        free(worker->state_dir);
        free(worker->program);
        free(worker->spec);
        free(worker);
    }
}

static void on_closed(uv_handle_t *handle) {
    od_worker *worker = handle->data;
    worker->open_handles--;
    free_if_closed(worker);
}

// Runs work on the pool and done, unless the worker is let go of meanwhile, on the loop.
static void on_pool(od_worker *worker, uv_work_cb work, uv_after_work_cb done) {
    worker->busy = true;
    worker->request.data = worker;
    (void)uv_queue_work(worker->config.loop, &worker->request, work, done); // fails without work
}

static bool came_back(od_worker *worker) {
    worker->busy = false;
    if (worker->closing) {
        free_if_closed(worker);
        return false;
    }
    return true;
}

// --- the end -------------------------------------------------------------------------------

static void read_log_work(uv_work_t *request) {
    od_worker *worker = request->data;
    const od_oom_counts now = od_oom_read("");
    worker->how.oom = od_oom_compare(&worker->oom_before, &now);
    worker->how.last_written_ms =
        od_rundir_last_event_ms(worker->config.state_dir, worker->config.job);
    od_rundir_last_log_line(worker->config.state_dir, worker->config.job, worker->how.last_line,
                            sizeof worker->how.last_line);
}

static void read_log_done(uv_work_t *request, int cancelled) {
    od_worker *worker = request->data;
    (void)cancelled;
    if (came_back(worker)) {
        worker->config.on_exit(worker->config.ctx, &worker->how);
    }
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal) {
    od_worker *worker = process->data;
    worker->exited = true;
    worker->how.known = true;
    worker->how.status = status;
    worker->how.signal = signal;
    on_pool(worker, read_log_work, read_log_done);
}

// --- start ---------------------------------------------------------------------------------

static void prepare_work(uv_work_t *request) {
    od_worker *worker = request->data;
    worker->oom_before = od_oom_read("");
    worker->status = od_rundir_prepare(worker->config.state_dir, worker->config.job, worker->spec,
                                       &worker->files, &worker->error);
}

typedef struct worker_arguments {
    char spec[PATH_MAX];
    char folder[PATH_MAX];
    char attempt[24];
    char threads[24];
    char lock[8];
    char *list[11 + OD_WORKER_OPTIONS_MAX];
} worker_arguments;

static od_status fill_arguments(const od_worker *worker, worker_arguments *out, od_error *error) {
    const od_worker_config *config = &worker->config;
    OD_TRY(od_rundir_path(out->spec, config->state_dir, config->job, "spec.json", error));
    OD_TRY(od_rundir_path(out->folder, config->state_dir, config->job, "", error));
    snprintf(out->attempt, sizeof out->attempt, "%" PRId64, config->attempt);
    snprintf(out->threads, sizeof out->threads, "%" PRId64, config->threads);
    snprintf(out->lock, sizeof out->lock, "%d", LOCK_FD);
    char *list[] = {"ortho-worker", "run",       out->spec,    "--dir",
                    out->folder,    "--attempt", out->attempt, "--threads",
                    out->threads,   "--lock-fd", out->lock};
    memcpy(out->list, list, sizeof list);
    od_environment_add_options(out->list, sizeof list / sizeof list[0], config->options);
    return OD_OK;
}

static od_status spawn(od_worker *worker, od_error *error) {
    worker_arguments arguments;
    char *environment[OD_ENVIRONMENT_MAX];
    uv_stdio_container_t stdio[LOCK_FD + 1] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = worker->files.log},
        {.flags = UV_INHERIT_FD, .data.fd = worker->files.log},
        {.flags = UV_INHERIT_FD, .data.fd = worker->files.lock},
    };
    OD_TRY(fill_arguments(worker, &arguments, error));
    od_environment_for_workers(environment);
    uv_process_options_t options = {
        .exit_cb = on_child_exit,
        .file = worker->config.program,
        .args = arguments.list,
        .env = environment,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = LOCK_FD + 1,
        .stdio = stdio,
    };
    worker->process.data = worker;
    worker->child = true;
    worker->open_handles++; // uv_spawn makes a handle also when it fails
    int failed = uv_spawn(worker->config.loop, &worker->process, &options);
    worker->exited = failed != 0; // without an id, a signal would go to our own group
    return failed == 0 ? OD_OK
                       : od_error_set(error, OD_E_IO, "%s: cannot start: %s",
                                      worker->config.program, uv_strerror(failed));
}

static void prepare_done(uv_work_t *request, int cancelled) {
    od_worker *worker = request->data;
    (void)cancelled;
    if (!came_back(worker)) {
        return;
    }
    if (worker->status == OD_OK) {
        worker->status = spawn(worker, &worker->error);
    }
    od_rundir_files_close(&worker->files);
    worker->config.on_alive(worker->config.ctx, worker->status, &worker->error);
}

// --- adopt ---------------------------------------------------------------------------------

static void probe_work(uv_work_t *request) {
    od_worker *worker = request->data;
    worker->status = od_rundir_probe(worker->config.state_dir, worker->config.job, &worker->alive,
                                     &worker->error);
    if (worker->status == OD_OK && !worker->alive) {
        read_log_work(request);
    }
}

static void probe_done(uv_work_t *request, int cancelled);

static void on_timer(uv_timer_t *timer) {
    on_pool(timer->data, probe_work, probe_done);
}

static void probe_done(uv_work_t *request, int cancelled) {
    od_worker *worker = request->data;
    (void)cancelled;
    if (!came_back(worker)) {
        return;
    }
    if (worker->status == OD_OK && !worker->alive) {
        worker->exited = true;
        worker->config.on_exit(worker->config.ctx, &worker->how);
        return;
    }
    uv_timer_start(&worker->timer, on_timer, PROBE_MS, 0);
    if (worker->status != OD_OK) { // cannot be told apart from alive: ask again
        od_log(OD_LOG_ERROR, "cannot look after a worker", "job=%" PRId64 " reason=\"%s\"",
               worker->config.job, worker->error.text);
    } else if (!worker->told_alive) {
        worker->told_alive = true;
        worker->config.on_alive(worker->config.ctx, OD_OK, &worker->error);
    }
}

// --- both ----------------------------------------------------------------------------------

static od_status new_worker(const od_worker_config *config, const char *spec, od_worker **out,
                            od_error *error) {
    od_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL || (worker->spec = strdup(spec)) == NULL ||
        (worker->state_dir = strdup(config->state_dir)) == NULL ||
        (worker->program = strdup(config->program)) == NULL) {
        goto err_memory;
    }
    worker->config = *config;
    worker->config.state_dir = worker->state_dir;
    worker->config.program = worker->program;
    worker->files = (od_rundir_files){-1, -1};
    (void)uv_timer_init(config->loop, &worker->timer); // cannot fail
    worker->timer.data = worker;
    worker->open_handles = 1;
    *out = worker;
    return OD_OK;

err_memory:
    if (worker != NULL) {
        free(worker->state_dir);
        free(worker->spec);
    }
    free(worker);
    return od_error_set(error, OD_E_NO_MEMORY, "no memory to start a worker");
}

od_status od_worker_start(const od_worker_config *config, const char *spec, od_worker **out,
                          od_error *error) {
    OD_TRY(new_worker(config, spec, out, error));
    on_pool(*out, prepare_work, prepare_done);
    return OD_OK;
}

od_status od_worker_adopt(const od_worker_config *config, od_worker **out, od_error *error) {
    OD_TRY(new_worker(config, "", out, error));
    (*out)->oom_before = od_oom_read("");
    on_pool(*out, probe_work, probe_done);
    return OD_OK;
}

// A process id may have been given to another process by now. A descriptor of the process cannot:
// when the lock is still held after it was opened, it is the worker's.
static void signal_adopted(const od_worker *worker, int signal, int64_t pid) {
    bool alive = false;
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0) {
        return; // gone; the next probe sees it
    }
    if (od_rundir_probe(worker->config.state_dir, worker->config.job, &alive, NULL) == OD_OK &&
        alive) {
        syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
    }
    close(fd);
}

bool od_worker_signal(od_worker *worker, int signal, int64_t pid) {
    if (worker->exited) {
        return true;
    }
    if (worker->child) {
        uv_process_kill(&worker->process, signal); // fails only when it is gone
        return true;
    }
    if (pid <= 0) {
        return false;
    }
    signal_adopted(worker, signal, pid);
    return true;
}

void od_worker_close(od_worker *worker) {
    if (worker == NULL) {
        return;
    }
    worker->closing = true;
    uv_close((uv_handle_t *)&worker->timer, on_closed);
    if (worker->child) {
        uv_close((uv_handle_t *)&worker->process, on_closed);
    }
}
