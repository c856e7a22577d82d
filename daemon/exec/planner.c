// SPDX-License-Identifier: Apache-2.0
// Each call is a process with three pipes and a timer. It is over when the process has exited and
// both of its outputs have reached their end; then it is judged and its handles are closed.
#include "daemon/exec/planner.h"

#include "base/buffer.h"
#include "base/json.h"
#include "daemon/exec/environment.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNNING_MAX = 2,
    ANSWER_MAX_BYTES = 64 * 1024 * 1024, // a thousand specs with room to spare
    COMPLAINT_MAX_BYTES = 4096,
    READ_BYTES = 65536,
};

typedef struct plan_call {
    od_planner *planner;
    od_planner_done done;
    void *ctx;
    char *specs; // what goes to stdin
    size_t count;
    od_buffer answer;    // stdout
    od_buffer complaint; // stderr
    const char *fault;   // why it was killed, or NULL
    int waiting_for;     // exit and two ends of output
    bool cancelled;
    bool spawned; // process is a handle, alive or not
    int64_t exit_status;
    int signal;
    int open_handles;
    uv_process_t process;
    uv_pipe_t input, output, errors;
    uv_timer_t timer;
    uv_write_t write;
    struct plan_call *next;
} plan_call;

struct od_planner {
    od_planner_config config;
    char *worker;
    plan_call *running;
    plan_call *waiting; // in the order of asking
    size_t running_count;
    size_t calls; // that are not freed yet
    bool closing;
    char bytes[READ_BYTES]; // read callbacks run one after the other
};

static void start_waiting(od_planner *planner);

// --- memory --------------------------------------------------------------------------------

static void free_planner_if_closed(od_planner *planner) {
    if (planner->closing && planner->calls == 0) {
        free(planner->worker);
        free(planner);
    }
}

static void free_call(plan_call *call) {
    od_planner *planner = call->planner;
    free(call->specs);
    od_buffer_fini(&call->answer);
    od_buffer_fini(&call->complaint);
    free(call);
    planner->calls--;
    free_planner_if_closed(planner);
}

static void unlink_call(plan_call **list, const plan_call *call) {
    while (*list != call) {
        list = &(*list)->next;
    }
    *list = call->next;
}

static void on_closed(uv_handle_t *handle) {
    plan_call *call = handle->data;
    if (--call->open_handles == 0) {
        free_call(call);
    }
}

static void close_handles(plan_call *call) {
    uv_handle_t *handles[] = {(uv_handle_t *)&call->input, (uv_handle_t *)&call->output,
                              (uv_handle_t *)&call->errors, (uv_handle_t *)&call->timer,
                              (uv_handle_t *)&call->process};
    size_t count = call->spawned ? 5 : 4;
    for (size_t i = 0; i < count; i++) {
        if (!uv_is_closing(handles[i])) { // the input may be closed already
            uv_close(handles[i], on_closed);
        }
    }
}

// --- the answer ----------------------------------------------------------------------------

static bool is_error_list(const cJSON *errors) {
    const cJSON *item;
    cJSON_ArrayForEach(item, errors) {
        if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(item, "pointer")) ||
            !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(item, "detail"))) {
            return false;
        }
    }
    return cJSON_IsArray(errors) && cJSON_GetArraySize(errors) > 0;
}

static bool is_answer(const cJSON *answer) {
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(answer, "ok");
    if (cJSON_IsTrue(ok)) {
        return cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(answer, "spec")) &&
               cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(answer, "plan"));
    }
    return cJSON_IsFalse(ok) && is_error_list(cJSON_GetObjectItemCaseSensitive(answer, "errors"));
}

static od_status check_answers(const cJSON *answers, size_t count, od_error *error) {
    const cJSON *answer;
    if (!cJSON_IsArray(answers) || (size_t)cJSON_GetArraySize(answers) != count) {
        return od_error_set(error, OD_E_INTERNAL, "the planner did not answer every spec");
    }
    cJSON_ArrayForEach(answer, answers) {
        if (!is_answer(answer)) {
            return od_error_set(error, OD_E_INTERNAL, "the planner's answer has a wrong shape");
        }
    }
    return OD_OK;
}

// The last words of a planner that failed, on one line.
static const char *complaint_of(plan_call *call) {
    od_buffer *text = &call->complaint;
    while (text->size > 0 && text->data[text->size - 1] == '\n') {
        text->data[--text->size] = '\0';
    }
    char *newline = text->size > 0 ? strrchr(text->data, '\n') : NULL;
    return text->size == 0 ? "it said nothing" : newline != NULL ? newline + 1 : text->data;
}

static od_status judge(plan_call *call, cJSON **answers, od_error *error) {
    if (call->fault != NULL) {
        return od_error_set(error, OD_E_INTERNAL, "the planner %s", call->fault);
    }
    if (call->signal != 0 || call->exit_status > 1 || call->answer.size == 0) {
        return od_error_set(error, OD_E_INTERNAL,
                            "the planner failed (status %" PRId64 ", signal %d): %s",
                            call->exit_status, call->signal, complaint_of(call));
    }
    od_status status = od_json_parse(call->answer.data, call->answer.size, answers, error);
    if (status != OD_OK) {
        od_error_prefix(error, "the planner's answer");
        return OD_E_INTERNAL;
    }
    return check_answers(*answers, call->count, error);
}

static void finish(plan_call *call) {
    od_planner *planner = call->planner;
    cJSON *answers = NULL;
    od_error error = {0};
    unlink_call(&planner->running, call);
    planner->running_count--;
    od_status status = call->cancelled ? od_error_set(&error, OD_E_BUSY, "the server is stopping")
                                       : judge(call, &answers, &error);
    close_handles(call);
    call->done(call->ctx, status, &error, status == OD_OK ? answers : NULL);
    cJSON_Delete(answers);
    if (!planner->closing) {
        start_waiting(planner);
    }
}

static void came_to_an_end(plan_call *call) {
    if (--call->waiting_for == 0) {
        finish(call);
    }
}

// --- the process ---------------------------------------------------------------------------

static void stop(plan_call *call, const char *fault) {
    call->fault = fault;
    uv_process_kill(&call->process, SIGKILL); // fails only when it is gone
}

static void on_timeout(uv_timer_t *timer) {
    stop(timer->data, "took too long and was stopped; try fewer or smaller specs");
}

static void on_exit_seen(uv_process_t *process, int64_t status, int signal) {
    plan_call *call = process->data;
    call->exit_status = status;
    call->signal = signal;
    came_to_an_end(call);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    (void)suggested;
    *out = uv_buf_init(((plan_call *)handle->data)->planner->bytes, READ_BYTES);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes) {
    plan_call *call = stream->data;
    if (got < 0) {
        uv_read_stop(stream);
        came_to_an_end(call);
    } else if (call->answer.size + (size_t)got > ANSWER_MAX_BYTES) {
        stop(call, "answered too much");
    } else if (od_buffer_append(&call->answer, bytes->base, (size_t)got) != OD_OK) {
        stop(call, "answered more than there is memory for");
    }
}

static void on_errors(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes) {
    plan_call *call = stream->data;
    if (got < 0) {
        uv_read_stop(stream);
        came_to_an_end(call);
    } else if (call->complaint.size + (size_t)got <= COMPLAINT_MAX_BYTES &&
               od_buffer_append(&call->complaint, bytes->base, (size_t)got) != OD_OK) {
        stop(call, "complained more than there is memory for");
    }
}

static void on_written(uv_write_t *write, int status) {
    plan_call *call = write->data;
    (void)status; // a planner that does not read its specs fails by itself
    if (!uv_is_closing((uv_handle_t *)&call->input)) {
        uv_close((uv_handle_t *)&call->input, on_closed); // the end of its input
    }
}

static int spawn(plan_call *call) {
    od_planner *planner = call->planner;
    char threads[24];
    char *environment[OD_ENVIRONMENT_MAX];
    char *arguments[6 + OD_WORKER_OPTIONS_MAX] = {"ortho-worker", "plan",      "-",
                                                  "--json",       "--threads", threads};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&call->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&call->output},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&call->errors},
    };
    snprintf(threads, sizeof threads, "%" PRId64, planner->config.default_threads);
    od_environment_for_workers(environment);
    od_environment_add_options(arguments, 6, planner->config.options);
    call->spawned = true;
    call->open_handles++; // uv_spawn makes a handle also when it fails
    uv_process_options_t options = {
        .exit_cb = on_exit_seen,
        .file = planner->worker,
        .args = arguments,
        .env = environment,
        .stdio_count = 3,
        .stdio = stdio,
    };
    return uv_spawn(planner->config.loop, &call->process, &options);
}

static void init_handles(plan_call *call) {
    uv_loop_t *loop = call->planner->config.loop;
    (void)uv_pipe_init(loop, &call->input, 0); // none of these can fail
    (void)uv_pipe_init(loop, &call->output, 0);
    (void)uv_pipe_init(loop, &call->errors, 0);
    (void)uv_timer_init(loop, &call->timer);
    call->process.data = call->input.data = call->output.data = call->errors.data = call;
    call->timer.data = call->write.data = call;
    call->open_handles = 4;
}

static void start(plan_call *call) {
    od_planner *planner = call->planner;
    od_error error;
    call->next = planner->running;
    planner->running = call;
    planner->running_count++;
    int failed = spawn(call);
    if (failed != 0) {
        unlink_call(&planner->running, call);
        planner->running_count--;
        close_handles(call);
        od_error_set(&error, OD_E_INTERNAL, "%s: cannot start: %s", planner->worker,
                     uv_strerror(failed));
        call->done(call->ctx, OD_E_INTERNAL, &error, NULL);
        return;
    }
    call->waiting_for = 3;
    uv_buf_t specs = uv_buf_init(call->specs, (unsigned)strlen(call->specs));
    uv_timer_start(&call->timer, on_timeout, planner->config.timeout_ms, 0);
    (void)uv_read_start((uv_stream_t *)&call->output, give_buffer, on_output);
    (void)uv_read_start((uv_stream_t *)&call->errors, give_buffer, on_errors);
    if (uv_write(&call->write, (uv_stream_t *)&call->input, &specs, 1, on_written) != 0) {
        stop(call, "does not take its input");
    }
}

static void start_waiting(od_planner *planner) {
    while (planner->waiting != NULL && planner->running_count < RUNNING_MAX) {
        plan_call *call = planner->waiting;
        planner->waiting = call->next;
        start(call);
    }
}

// --- calls ---------------------------------------------------------------------------------

static void on_turn(uv_timer_t *timer) {
    start_waiting(((plan_call *)timer->data)->planner);
}

static void append(plan_call **list, plan_call *call) {
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = call;
}

void od_planner_plan(od_planner *planner, const cJSON *specs, od_planner_done done, void *ctx) {
    plan_call *call = calloc(1, sizeof *call);
    char *text = od_json_print(specs);
    if (call == NULL || text == NULL || planner->closing) {
        od_error error;
        od_status status = planner->closing
                               ? od_error_set(&error, OD_E_BUSY, "the server is stopping")
                               : od_error_set(&error, OD_E_NO_MEMORY, "no memory to plan");
        free(call);
        free(text);
        done(ctx, status, &error, NULL);
        return;
    }
    *call = (plan_call){.planner = planner, .done = done, .ctx = ctx, .specs = text};
    call->count = (size_t)cJSON_GetArraySize(specs);
    planner->calls++;
    init_handles(call);
    append(&planner->waiting, call);
    // On a turn of the loop of its own, so that done never runs inside this function.
    uv_timer_start(&call->timer, on_turn, 0, 0);
}

od_status od_planner_new(const od_planner_config *config, od_planner **out, od_error *error) {
    od_planner *planner = calloc(1, sizeof *planner);
    if (planner == NULL || (planner->worker = strdup(config->worker)) == NULL) {
        free(planner);
        return od_error_set(error, OD_E_NO_MEMORY, "no memory for the planner");
    }
    planner->config = *config;
    *out = planner;
    return OD_OK;
}

void od_planner_close(od_planner *planner) {
    if (planner == NULL) {
        return;
    }
    planner->closing = true;
    for (plan_call *call = planner->running; call != NULL; call = call->next) {
        call->cancelled = true;
        stop(call, NULL);
    }
    while (planner->waiting != NULL) {
        plan_call *call = planner->waiting;
        od_error error;
        planner->waiting = call->next;
        od_error_set(&error, OD_E_BUSY, "the server is stopping");
        call->done(call->ctx, OD_E_BUSY, &error, NULL);
        close_handles(call);
    }
    free_planner_if_closed(planner);
}
