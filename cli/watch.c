// SPDX-License-Identifier: Apache-2.0
// Follows a job by its event stream. The number of the newest event is asked for before the job is,
// and the stream starts behind it: an event may tell again what the job has told, none is missed.
// A stream that ends before the job does is opened again behind the last event.
#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/sse.h"
#include "cli/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 24, RETRY_MS = 500, LINE_BYTES = 256 };
static const int64_t PATIENCE_NS = 600 * INT64_C(1000000000); // without a server

static const od_option options[] = {{0}};

typedef struct od_watch {
    od_cli *cli;
    int64_t id;
    od_sse sse;
    od_status status; // of memory
    char state[16];
    char accuracy[32]; // " val/acc@1 0.8500", once there is one
    double step, steps, left;
    int tenth; // of the last line about progress
    int64_t heard_ns;
    bool drawn; // there is a bar that the next line must replace
} od_watch;

static void draw(od_watch *watch) {
    char line[LINE_BYTES];
    char left[OD_VALUE_TEXT_BYTES] = "";
    char bar[BAR_CELLS + 1];
    double done = watch->steps > 0 ? fmin(watch->step / watch->steps, 1) : 0;
    for (int i = 0; i < BAR_CELLS; i++) {
        bar[i] = i < (int)(done * BAR_CELLS) ? '#' : '.';
    }
    bar[BAR_CELLS] = '\0';
    snprintf(line, sizeof line, "job %" PRId64 " %s [%s] %.0f%% %.0f/%.0f%s %s%s", watch->id,
             watch->state, bar, floor(100 * done), watch->step, watch->steps, watch->accuracy,
             watch->left >= 0 ? od_value_duration(left, watch->left) : "",
             watch->left >= 0 ? " left" : "");
    struct winsize size = {0};
    int width =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
    printf("\r%.*s\033[K", width, line);
    watch->drawn = true;
}

static void clear(od_watch *watch) {
    if (watch->drawn) {
        printf("\r\033[K");
        watch->drawn = false;
    }
}

static void say_progress(od_watch *watch) {
    int tenth = watch->steps > 0 ? (int)(10 * watch->step / watch->steps) : 0;
    if (watch->cli->terminal) {
        draw(watch);
    } else if (tenth != watch->tenth) {
        char left[OD_VALUE_TEXT_BYTES];
        printf("step %.0f of %.0f%s%s%s\n", watch->step, watch->steps, watch->left >= 0 ? ", " : "",
               watch->left >= 0 ? od_value_duration(left, watch->left) : "",
               watch->left >= 0 ? " left" : "");
        watch->tenth = tenth;
    }
}

static void take_progress(od_watch *watch, const cJSON *progress) {
    watch->step = od_value_number(progress, "step", watch->step);
    watch->steps = od_value_number(progress, "steps", watch->steps);
    watch->left = od_value_number(progress, "eta_s", -1);
    say_progress(watch);
}

static void take_state(od_watch *watch, const cJSON *job) {
    const char *state = od_value_text(job, "state");
    const char *reason = od_value_text(job, "reason");
    if (strcmp(state, watch->state) == 0) {
        return;
    }
    clear(watch);
    snprintf(watch->state, sizeof watch->state, "%s", state);
    od_status status =
        od_cli_say("job %" PRId64 " %s%s%s", watch->id, state, *reason != '\0' ? ": " : "", reason);
    watch->status = status != OD_OK ? status : watch->status;
}

static void take_metrics(od_watch *watch, const cJSON *event) {
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(event, "values");
    double accuracy = od_value_number(values, "val/acc@1", -1);
    if (accuracy < 0) {
        return;
    }
    snprintf(watch->accuracy, sizeof watch->accuracy, " val/acc@1 %.4f", accuracy);
    clear(watch);
    printf("step %.0f%s val/loss %.6g\n", od_value_number(event, "step", 0), watch->accuracy,
           od_value_number(values, "val/loss", NAN));
}

static void on_event(void *ctx, const char *event, const char *data) {
    od_watch *watch = ctx;
    cJSON *json = NULL;
    if (watch->cli->json) {
        watch->status = od_cli_pass(watch->cli, data, strlen(data));
    } else if (od_json_parse(data, strlen(data), &json, NULL) == OD_OK) {
        if (strcmp(event, "state") == 0) {
            take_state(watch, json);
        } else if (strcmp(event, "progress") == 0) {
            take_progress(watch, json);
        } else if (strcmp(event, "metrics") == 0) {
            take_metrics(watch, json);
        }
        cJSON_Delete(json);
    }
    fflush(stdout);
}

static bool on_bytes(void *ctx, const char *bytes, size_t size) {
    od_watch *watch = ctx;
    watch->heard_ns = od_clock_monotonic_ns();
    od_status status = od_sse_feed(&watch->sse, bytes, size);
    watch->status = status != OD_OK ? status : watch->status;
    return watch->status == OD_OK;
}

// Number of the newest event of the server.
static od_status find_start(od_watch *watch, od_error *error) {
    char path[OD_CLI_PATH_BYTES];
    cJSON *answer = NULL;
    snprintf(path, sizeof path, "/jobs/%" PRId64 "/metrics?series=train%%2Flos%%3F&max_points=3",
             watch->id);
    OD_TRY(od_client_json(watch->cli->client, &(od_request){.path = path}, &answer, error));
    watch->sse.last_id = (int64_t)od_value_number(answer, "last_event_id", 0);
    cJSON_Delete(answer);
    return OD_OK;
}

// What the job says now; *ended with the status that its end stands for in error.
static od_status look(od_watch *watch, bool *ended, od_error *error) {
    cJSON *job = NULL;
    OD_TRY(od_job_get(watch->cli, watch->id, &job, error));
    watch->heard_ns = od_clock_monotonic_ns();
    *ended = od_job_is_over(job);
    const char *reason = od_value_text(job, "reason");
    if (watch->cli->json) {
        snprintf(watch->state, sizeof watch->state, "%s", od_value_text(job, "state"));
    } else {
        take_state(watch, job);
        watch->steps = od_value_number(cJSON_GetObjectItemCaseSensitive(job, "progress"), "steps",
                                       watch->steps);
    }
    od_status status = OD_OK;
    if (*ended && strcmp(watch->state, "succeeded") != 0) {
        status = od_error_set(error, OD_E_CONFLICT, "job %" PRId64 " %s%s%s", watch->id,
                              watch->state, *reason != '\0' ? ": " : "", reason);
    }
    cJSON_Delete(job);
    fflush(stdout);
    return status;
}

static od_status listen_once(od_watch *watch, od_error *error) {
    char path[OD_CLI_PATH_BYTES];
    snprintf(path, sizeof path, "/jobs/%" PRId64 "/events?after=%" PRId64, watch->id,
             watch->sse.last_id);
    od_sse_restart(&watch->sse);
    od_status status =
        od_client_stream(watch->cli->client, &(od_request){.path = path}, on_bytes, watch, error);
    return watch->status != OD_OK ? od_error_set(error, watch->status, "out of memory") : status;
}

static void pause_a_moment(void) {
    const struct timespec pause = {0, RETRY_MS * 1000000};
    nanosleep(&pause, NULL);
}

// A server that is away for a while is waited for: the job goes on without it.
static od_status follow(od_watch *watch, od_error *error) {
    bool ended = false;
    OD_TRY(find_start(watch, error));
    od_status status = look(watch, &ended, error);
    if (status == OD_E_IO) {
        return status;
    }
    while (!ended) {
        if (status == OD_OK) {
            status = listen_once(watch, error);
        }
        bool patient = od_clock_monotonic_ns() - watch->heard_ns < PATIENCE_NS;
        if (status != OD_OK && (status != OD_E_IO || !patient)) {
            return status;
        }
        status = look(watch, &ended, error);
        if (!ended) {
            pause_a_moment();
        }
    }
    return status;
}

static od_status run(od_cli *cli, od_error *error) {
    od_watch watch = {.cli = cli, .left = -1};
    watch.sse.sink = on_event;
    watch.sse.ctx = &watch;
    OD_TRY(od_cli_id("job", cli->options.operands[0], &watch.id, error));
    od_status status = follow(&watch, error);
    clear(&watch);
    od_sse_fini(&watch.sse);
    return status;
}

const od_command od_command_watch = {
    .name = "watch",
    .purpose = "follow a job to its end",
    .operands = "JOB",
    .details = "The exit status is 0 when the job has succeeded, and 1 when it has failed or was "
               "cancelled.\n--json prints the data of every event, one a line.",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
};
