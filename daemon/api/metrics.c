// SPDX-License-Identifier: Apache-2.0
// A job's curves. Points and last_event_id are read in one transaction, so that an event stream
// opened behind that id goes on where the curves end.
#include "daemon/api/api.h"
#include "daemon/api/glob.h"
#include "daemon/api/handlers.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_DEFAULT = 2000, POINTS_MAX = 100000, POINTS_MIN = 3 };

typedef struct metrics_call metrics_call;

// How a format prints: head, one curve after the other, tail.
typedef struct metrics_format {
    const char *name;
    const char *content_type;
    od_status (*head)(const metrics_call *call, int64_t last_event);
    od_status (*curve)(const metrics_call *call, const char *name, const od_curve *curve,
                       size_t index);
    const char *tail;
} metrics_format;

struct metrics_call {
    od_api_call base;
    int64_t job;
    char *patterns;
    int64_t from_step;
    int64_t to_step;
    int64_t max_points;
    const metrics_format *format;
    od_buffer *out;
};

static void fini_metrics(od_api_call *base) {
    metrics_call *call = (metrics_call *)base;
    free(call->patterns);
}

// --- formats ----------------------------------------------------------------------------------

static od_status json_head(const metrics_call *call, int64_t last_event) {
    return od_buffer_printf(call->out,
                            "{\"job\":%" PRId64 ",\"last_event_id\":%" PRId64 ",\"series\":{",
                            call->job, last_event);
}

static od_status json_curve(const metrics_call *call, const char *name, const od_curve *curve,
                            size_t index) {
    od_buffer *out = call->out;
    OD_TRY(od_buffer_append_text(out, index > 0 ? "," : ""));
    OD_TRY(od_api_append_string(out, name));
    OD_TRY(od_buffer_append_text(out, ":{"));
    OD_TRY(od_api_append_curve(out, curve));
    return od_buffer_append_text(out, "}");
}

static od_status csv_head(const metrics_call *call, int64_t last_event) {
    (void)last_event;
    return od_buffer_append_text(call->out, "series,step,value\n");
}

// A field of RFC 4180: quoted where it holds a separator.
static od_status append_field(od_buffer *out, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        return od_buffer_append_text(out, text);
    }
    OD_TRY(od_buffer_append_text(out, "\""));
    for (; *text != '\0'; text++) {
        OD_TRY(od_buffer_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1));
    }
    return od_buffer_append_text(out, "\"");
}

static od_status csv_curve(const metrics_call *call, const char *name, const od_curve *curve,
                           size_t index) {
    (void)index;
    for (size_t i = 0; i < curve->size; i++) {
        OD_TRY(append_field(call->out, name));
        OD_TRY(od_buffer_printf(call->out, ",%" PRId64 ",", curve->steps[i]));
        OD_TRY(od_api_append_number(call->out, curve->values[i], false));
        OD_TRY(od_buffer_append_text(call->out, "\n"));
    }
    return OD_OK;
}

static od_status ndjson_head(const metrics_call *call, int64_t last_event) {
    (void)call;
    (void)last_event;
    return OD_OK;
}

static od_status ndjson_curve(const metrics_call *call, const char *name, const od_curve *curve,
                              size_t index) {
    (void)index;
    for (size_t i = 0; i < curve->size; i++) {
        OD_TRY(od_buffer_append_text(call->out, "{\"series\":"));
        OD_TRY(od_api_append_string(call->out, name));
        OD_TRY(od_buffer_printf(call->out, ",\"step\":%" PRId64 ",\"value\":", curve->steps[i]));
        OD_TRY(od_api_append_number(call->out, curve->values[i], true));
        OD_TRY(od_buffer_append_text(call->out, "}\n"));
    }
    return OD_OK;
}

static const metrics_format formats[] = {
    {"json", "application/json", json_head, json_curve, "}}"},
    {"csv", "text/csv; charset=utf-8", csv_head, csv_curve, ""},
    {"ndjson", "application/x-ndjson", ndjson_head, ndjson_curve, ""},
};

// --- reading ----------------------------------------------------------------------------------

static od_status append_curve(sqlite3 *db, const metrics_call *call, const od_series *series,
                              size_t index, od_error *error) {
    od_curve curve = {0};
    OD_TRY(od_curve_read(db, series->id, call->from_step, call->to_step, (size_t)call->max_points,
                         &curve, error));
    od_status status = call->format->curve(call, series->name, &curve, index);
    od_curve_fini(&curve);
    return status;
}

static od_status append_all(sqlite3 *db, const metrics_call *call, const od_series_list *list,
                            od_error *error) {
    int64_t last_event = 0;
    size_t index = 0;
    OD_TRY(od_events_bounds(db, &last_event, NULL, error));
    OD_TRY(call->format->head(call, last_event));
    for (size_t i = 0; i < list->count; i++) {
        if (call->patterns == NULL || od_glob_match_list(call->patterns, list->items[i].name)) {
            OD_TRY(append_curve(db, call, &list->items[i], index++, error));
        }
    }
    return od_buffer_append_text(call->out, call->format->tail);
}

static bool is_in_list(void *ctx, const char *name, size_t size) {
    const od_series_list *list = ctx;
    for (size_t i = 0; i < list->count; i++) {
        if (strlen(list->items[i].name) == size && memcmp(list->items[i].name, name, size) == 0) {
            return true;
        }
    }
    return false;
}

// A name that a running job has no points of yet may still come; that of an ended job is wrong.
static od_status check_names(sqlite3 *db, const metrics_call *call, od_series_list *list,
                             od_error *error) {
    od_job job = {0};
    OD_TRY(od_jobs_get(db, call->job, &job, error));
    bool ended = od_job_state_ended(job.state);
    od_job_fini(&job);
    if (ended && call->patterns != NULL && !od_glob_each_name(call->patterns, is_in_list, list)) {
        return od_error_set(error, OD_E_NOT_FOUND,
                            "job %" PRId64 " has ended without a series of that name: %s",
                            call->job, call->patterns);
    }
    return OD_OK;
}

static od_status read_metrics(sqlite3 *db, void *ctx, od_error *error) {
    metrics_call *call = ctx;
    od_series_list list = {0};
    od_buffer out = {0};
    call->out = &out;
    OD_TRY(od_points_series(db, call->job, &list, error));
    od_status status = check_names(db, call, &list, error);
    if (status == OD_OK) {
        status = append_all(db, call, &list, error);
    }
    if (status == OD_OK) {
        call->base.response = od_api_respond(200, call->format->content_type, &out);
    }
    od_buffer_fini(&out);
    od_series_list_fini(&list);
    return status;
}

// --- the request ------------------------------------------------------------------------------

static const metrics_format *read_format(od_request *request) {
    const char *name = od_request_query(request, "format");
    if (name == NULL || name[0] == '\0') {
        return &formats[0];
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    od_request_fault(request, "format", "is \"%s\"; give json, csv or ndjson", name);
    return NULL;
}

void od_api_metrics_serve(od_request *request) {
    metrics_call wanted = {
        .from_step = od_api_integer(request, "from_step", 0, INT64_MAX, 0),
        .to_step = od_api_integer(request, "to_step", 0, INT64_MAX, INT64_MAX),
        .max_points = od_api_integer(request, "max_points", POINTS_MIN, POINTS_MAX, POINTS_DEFAULT),
        .format = read_format(request)};
    if (!od_api_id(request, 3, &wanted.job) || !od_request_is_sound(request)) {
        return;
    }
    metrics_call *call = od_api_call_new(request, sizeof *call, fini_metrics);
    if (call == NULL) {
        return;
    }
    wanted.base = call->base;
    *call = wanted;
    const char *patterns = od_request_query(request, "series");
    if (patterns != NULL && patterns[0] != '\0') {
        call->patterns = strdup(patterns);
        if (call->patterns == NULL) {
            od_api_finish(&call->base, NULL);
            return;
        }
    }
    od_api_read_cached(&call->base, read_metrics);
}
