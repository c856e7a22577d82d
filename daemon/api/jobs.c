// SPDX-License-Identifier: Apache-2.0
// Lists of jobs, single jobs, and what can be asked of them. Making them is in submit.c.
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/api/job_json.h"
#include "daemon/api/reply.h"
#include "daemon/api/waiting_json.h"
#include "daemon/http/url.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 500 };

// --- one job ----------------------------------------------------------------------------------

void od_api_jobs_serve_one(od_request *request) {
    int64_t id = 0;
    if (od_api_id(request, 3, &id)) {
        od_reply(request, 200, OD_REPLY_JOB, id);
    }
}

// --- the list ---------------------------------------------------------------------------------

typedef struct list_call {
    od_api_call base;
    od_jobs_filter filter;
    char *label; // "key\0value", which the filter points into
    char *query; // of the link to the next page, without the cursor
    od_explanations *explanations;
} list_call;

static void fini_list(od_api_call *base) {
    list_call *call = (list_call *)base;
    free(call->label);
    free(call->query);
    od_explanations_release(call->explanations);
}

static unsigned read_states(od_request *request) {
    const char *rest = od_request_query(request, "state");
    unsigned states = 0;
    while (rest != NULL && rest[0] != '\0') {
        char name[16];
        size_t size = strcspn(rest, ",");
        int state = -1;
        if (size < sizeof name) {
            memcpy(name, rest, size);
            name[size] = '\0';
            state = od_job_state_parse(name);
        }
        if (state < 0) {
            od_request_fault(request, "state",
                             "has no state \"%.*s\"; there are queued, starting, running, pausing, "
                             "paused, cancelling, succeeded, failed and cancelled",
                             (int)size, rest);
            return 0;
        }
        states |= 1u << state;
        rest += size + (rest[size] == ',');
    }
    return states;
}

// The label that is asked for, "key=value", or NULL.
static const char *read_label(od_request *request) {
    const char *text = od_request_query(request, "label");
    if (text == NULL || text[0] == '\0') {
        return NULL;
    }
    if (strchr(text, '=') == NULL || text[0] == '=') {
        od_request_fault(request, "label", "is \"%s\"; give key=value", text);
        return NULL;
    }
    return text;
}

static bool keep_label(list_call *call, const char *text) {
    if (text == NULL) {
        return true;
    }
    call->label = strdup(text);
    if (call->label == NULL) {
        od_api_finish(&call->base, NULL);
        return false;
    }
    char *equals = strchr(call->label, '=');
    *equals = '\0';
    call->filter.label_key = call->label;
    call->filter.label_value = equals + 1;
    return true;
}

// "state=running&limit=5": what the next page's link has to repeat.
static bool copy_query(list_call *call) {
    static const char *const names[] = {"state", "label", "experiment", "limit"};
    od_buffer out = {0};
    od_status status = od_buffer_append_text(&out, "");
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == OD_OK; i++) {
        const char *value = od_request_query(call->base.request, names[i]);
        if (value != NULL) {
            status = od_buffer_printf(&out, "%s=", names[i]);
            status = status == OD_OK ? od_url_escape(&out, value) : status;
            status = status == OD_OK ? od_buffer_append_text(&out, "&") : status;
        }
    }
    if (status != OD_OK) {
        od_buffer_fini(&out);
        od_api_finish(&call->base, NULL);
        return false;
    }
    call->query = od_buffer_take(&out);
    return true;
}

static od_status add_short_job(const list_call *call, sqlite3 *db, const od_job *job, cJSON *list,
                               od_error *error) {
    od_series_list series = {0};
    OD_TRY(od_points_series(db, job->id, &series, error));
    cJSON *item = od_job_json_short(job, &series);
    od_series_list_fini(&series);
    return od_api_append(list, item) &&
                   od_waiting_json_add(item, od_explanations_find(call->explanations, job->id))
               ? OD_OK
               : od_error_set(error, OD_E_NO_MEMORY, "no memory for a list of jobs");
}

static od_response *respond_list(const list_call *call, cJSON *body, int64_t next) {
    char cursor[24];
    snprintf(cursor, sizeof cursor, "%" PRId64, next);
    cJSON *item = next > 0 ? cJSON_CreateString(cursor) : cJSON_CreateNull();
    od_response *response = od_response_json(200, od_api_add(body, "next", item) ? body : NULL);
    return next > 0 ? od_response_header_printf(response, "Link",
                                                "</api/v1/jobs?%scursor=%s>; rel=\"next\"",
                                                call->query, cursor)
                    : response;
}

static od_status read_list(sqlite3 *db, void *ctx, od_error *error) {
    list_call *call = ctx;
    od_job_list jobs = {0};
    od_jobs_filter filter = call->filter;
    filter.limit++; // one more, to know whether there is a next page
    OD_TRY(od_jobs_list(db, &filter, &jobs, error));
    size_t count = jobs.count < call->filter.limit ? jobs.count : call->filter.limit;
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "jobs");
    od_status status = OD_OK;
    for (size_t i = 0; i < count && status == OD_OK; i++) {
        status = add_short_job(call, db, &jobs.items[i], list, error);
    }
    if (status == OD_OK) {
        call->base.response =
            respond_list(call, body, jobs.count > count ? jobs.items[count - 1].id : 0);
    }
    cJSON_Delete(body);
    od_job_list_fini(&jobs);
    return status;
}

void od_api_jobs_serve_list(od_request *request) {
    od_jobs_filter filter = {
        .states = read_states(request),
        .experiment = od_api_integer(request, "experiment", 1, INT64_MAX, 0),
        .before_id = od_api_integer(request, "cursor", 1, INT64_MAX, 0),
        .limit = (size_t)od_api_integer(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT)};
    const char *label = read_label(request);
    if (!od_request_is_sound(request)) {
        return;
    }
    if (od_api_answer_kept(request)) {
        return;
    }
    list_call *call = od_api_call_new(request, sizeof *call, fini_list);
    if (call == NULL) {
        return;
    }
    call->filter = filter;
    call->explanations = od_queue_explain(od_api_daemon(request)->queue);
    if (call->explanations == NULL) {
        od_api_finish(&call->base, NULL);
        return;
    }
    if (keep_label(call, label) && copy_query(call)) {
        od_api_read_cached(&call->base, read_list);
    }
}

// --- what can be asked of a job ---------------------------------------------------------------

typedef struct ask_call {
    od_api_call base;
    int64_t job;
    unsigned status;  // of the answer with the job; 204: without
    int64_t revision; // of a deletion; 0: any
} ask_call;

// The request outlives the call: it is handed on to od_reply.
static void on_asked(void *ctx, od_status status, const od_error *error) {
    ask_call *call = ctx;
    od_request *request = call->base.request;
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
        return;
    }
    if (call->status == 204) {
        od_api_finish(&call->base, od_response_empty(204));
        return;
    }
    int64_t job = call->job;
    unsigned code = call->status;
    free(call);
    od_reply(request, code, OD_REPLY_JOB, job);
}

static ask_call *new_ask(od_request *request, unsigned status) {
    int64_t job = 0;
    if (!od_api_id(request, 3, &job)) {
        return NULL;
    }
    ask_call *call = od_api_call_new(request, sizeof *call, NULL);
    if (call != NULL) {
        call->job = job;
        call->status = status;
    }
    return call;
}

static void ask(od_request *request, od_queue_verb verb) {
    ask_call *call = new_ask(request, 202);
    if (call != NULL) {
        od_queue_ask(od_api_daemon(request)->queue, call->job, verb, on_asked, call);
    }
}

void od_api_jobs_cancel(od_request *request) {
    ask(request, OD_QUEUE_CANCEL);
}

void od_api_jobs_pause(od_request *request) {
    ask(request, OD_QUEUE_PAUSE);
}

void od_api_jobs_resume(od_request *request) {
    ask(request, OD_QUEUE_RESUME);
}

void od_api_jobs_retry(od_request *request) {
    ask(request, OD_QUEUE_RETRY);
}

static od_status read_revision(sqlite3 *db, void *ctx, od_error *error) {
    ask_call *call = ctx;
    od_job job = {0};
    OD_TRY(od_jobs_get(db, call->job, &job, error));
    call->revision = job.revision;
    od_job_fini(&job);
    return OD_OK;
}

static void delete_it(ask_call *call) {
    od_queue_delete(od_api_daemon(call->base.request)->queue, call->job, call->revision, on_asked,
                    call);
}

static void on_revision(void *ctx, od_status status, const od_error *error) {
    ask_call *call = ctx;
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
    } else if (!od_api_matches(call->base.request, call->revision)) {
        od_api_fail_stale(&call->base, call->job, call->revision);
    } else {
        delete_it(call);
    }
}

void od_api_jobs_delete(od_request *request) {
    ask_call *call = new_ask(request, 204);
    if (call == NULL) {
        return;
    }
    if (od_request_header(request, "If-Match") == NULL) {
        delete_it(call);
        return;
    }
    od_store_read(od_api_daemon(request)->store, read_revision, on_revision, call);
}
