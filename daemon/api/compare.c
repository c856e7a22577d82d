// SPDX-License-Identifier: Apache-2.0
// One series of several jobs side by side.
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS_MAX = 100, POINTS_DEFAULT = 2000, POINTS_MAX = 100000, POINTS_MIN = 3 };

typedef struct compare_call {
    od_api_call base;
    char *series;
    int64_t max_points;
    int64_t jobs[JOBS_MAX];
    size_t count;
} compare_call;

static void fini_compare(od_api_call *base) {
    free(((compare_call *)base)->series);
}

// "1,2,3", each once.
static void read_jobs(od_request *request, compare_call *call) {
    const char *given = od_request_query(request, "jobs");
    const char *rest = given;
    bool good = rest != NULL;
    for (call->count = 0; good; call->count++) {
        size_t size = strcspn(rest, ",");
        good = call->count < JOBS_MAX && od_api_parse_id(rest, size, &call->jobs[call->count]);
        for (size_t i = 0; i < call->count && good; i++) {
            good = call->jobs[i] != call->jobs[call->count];
        }
        if (good && rest[size] == '\0') {
            call->count++;
            return;
        }
        rest += size + 1;
    }
    od_request_fault(request, "jobs", "is \"%s\"; give up to %d different ids, as in 1,2",
                     given != NULL ? given : "", JOBS_MAX);
}

// The curve of a series of a job, empty when it has none.
static od_status read_curve(sqlite3 *db, int64_t job, const compare_call *call, od_curve *out,
                            od_error *error) {
    od_series_list list = {0};
    OD_TRY(od_points_series(db, job, &list, error));
    od_status status = OD_OK;
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i].name, call->series) == 0) {
            status = od_curve_read(db, list.items[i].id, 0, INT64_MAX, (size_t)call->max_points,
                                   out, error);
        }
    }
    od_series_list_fini(&list);
    return status;
}

static od_status append_head(od_buffer *out, const od_job *job, size_t index) {
    OD_TRY(
        od_buffer_printf(out, "%s{\"job\":%" PRId64 ",\"name\":", index > 0 ? "," : "", job->id));
    OD_TRY(od_api_append_string(out, job->name));
    OD_TRY(od_buffer_append_text(out, ",\"connection\":"));
    OD_TRY(od_api_append_string(out, job->connection));
    OD_TRY(od_buffer_printf(out, ",\"variant\":%s,", job->variant != NULL ? job->variant : "null"));
    return OD_OK;
}

static od_status append_job(sqlite3 *db, const compare_call *call, size_t index, od_buffer *out,
                            od_error *error) {
    od_job job = {0};
    od_curve curve = {0};
    OD_TRY(od_jobs_get(db, call->jobs[index], &job, error));
    od_status status = read_curve(db, job.id, call, &curve, error);
    if (status == OD_OK) {
        status = append_head(out, &job, index);
    }
    if (status == OD_OK) {
        status = od_api_append_curve(out, &curve);
    }
    if (status == OD_OK) {
        status = od_buffer_append_text(out, "}");
    }
    od_curve_fini(&curve);
    od_job_fini(&job);
    return status;
}

static od_status append_all(sqlite3 *db, const compare_call *call, od_buffer *out,
                            od_error *error) {
    OD_TRY(od_buffer_append_text(out, "{\"series\":"));
    OD_TRY(od_api_append_string(out, call->series));
    OD_TRY(od_buffer_append_text(out, ",\"jobs\":["));
    for (size_t i = 0; i < call->count; i++) {
        OD_TRY(append_job(db, call, i, out, error));
    }
    return od_buffer_append_text(out, "]}");
}

static od_status read_compare(sqlite3 *db, void *ctx, od_error *error) {
    compare_call *call = ctx;
    od_buffer out = {0};
    od_status status = append_all(db, call, &out, error);
    if (status == OD_OK) {
        call->base.response = od_api_respond(200, "application/json", &out);
    }
    od_buffer_fini(&out);
    return status;
}

void od_api_compare_serve(od_request *request) {
    compare_call wanted = {.max_points = od_api_integer(request, "max_points", POINTS_MIN,
                                                        POINTS_MAX, POINTS_DEFAULT)};
    const char *given = od_request_query(request, "series");
    const char *series = given != NULL ? given : "";
    read_jobs(request, &wanted);
    if (series[0] == '\0') {
        od_request_fault(request, "series", "is missing; give one, as in val/acc@1");
    }
    if (!od_request_is_sound(request)) {
        return;
    }
    compare_call *call = od_api_call_new(request, sizeof *call, fini_compare);
    if (call == NULL) {
        return;
    }
    wanted.base = call->base;
    *call = wanted;
    call->series = strdup(series);
    if (call->series == NULL) {
        od_api_finish(&call->base, NULL);
        return;
    }
    od_api_read_cached(&call->base, read_compare);
}
