// SPDX-License-Identifier: Apache-2.0
// Making jobs: one (from a spec or a recipe), a copy of one, or all of an experiment. Each way goes
// through the same steps:
//
//   key known?   [a read] the answer of the first request, whatever has become of what it made
//   → begin      what differs: the specs, checked by the schemas
//   → examine    [examine.h] all faults at once, or the plans
//   → submit     [one transaction] jobs, experiment, and the answer, kept with the key
//
// Nothing is stored before the last step, so whatever fails leaves nothing behind.
#include "daemon/api/api.h"
#include "daemon/api/examine.h"
#include "daemon/api/handlers.h"
#include "daemon/api/key.h"
#include "daemon/api/merge.h"
#include "daemon/api/recipe_body.h"
#include "daemon/api/reply.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct submit_call submit_call;

struct submit_call {
    od_api_call base;
    void (*begin)(submit_call *call);
    od_reply_kind kind;
    bool dry_run;
    od_key key;
    cJSON *body;    // until begin has taken it; of a clone a patch, or NULL
    char *stored;   // the answer to the key's first request
    int64_t made;   // by that request
    int64_t source; // of a clone: the job that is copied
    char *source_spec;
    od_recipe *recipe; // that the only spec was made from, or NULL
    od_examination examination;
    char **texts; // printed for od_submission, text_count of them
    size_t text_count;
};

static void fini_submit(od_api_call *base) {
    submit_call *call = (submit_call *)base;
    od_examine_fini(&call->examination);
    cJSON_Delete(call->body);
    od_recipe_free(call->recipe);
    for (size_t i = 0; i < call->text_count; i++) {
        free(call->texts[i]);
    }
    free(call->texts);
    free(call->stored);
    free(call->source_spec);
}

static od_daemon *daemon_of(const submit_call *call) {
    return od_api_daemon(call->base.request);
}

static void refuse(submit_call *call) {
    const od_faults *faults = &call->examination.faults;
    od_api_finish(&call->base, od_problem_new(call->base.request, OD_PROBLEM_INVALID_SPEC, faults,
                                              "%zu fault%s; the first: %s %s", faults->count,
                                              faults->count == 1 ? "" : "s",
                                              faults->items[0].pointer, faults->items[0].detail));
}

// Faults of a recipe's spec are told at the recipe's own keys.
static void refuse_faults(submit_call *call) {
    if (call->recipe != NULL &&
        od_recipe_locate(call->recipe, &call->examination.faults, 0) != OD_OK) {
        od_api_finish(&call->base, NULL);
    } else {
        refuse(call);
    }
}

static void refuse_key(submit_call *call, const od_error *error) {
    od_api_finish(&call->base, od_problem_new(call->base.request, OD_PROBLEM_IDEMPOTENCY_MISMATCH,
                                              NULL, "%s", error->text));
}

// What the recipe has that has no effect; NULL when the spec was JSON, or there is no memory.
static cJSON *warnings_of(const submit_call *call) {
    return call->recipe != NULL ? od_faults_json(od_recipe_warnings(call->recipe)) : NULL;
}

// Answers with what a request has made, then or now. body is borrowed; NULL: it was not kept.
static void answer_made(submit_call *call, int64_t id, const char *body) {
    if (body != NULL) {
        cJSON *warnings = warnings_of(call);
        od_api_finish(&call->base, od_reply_made(call->kind, id, body, warnings));
        cJSON_Delete(warnings);
        return;
    }
    od_request *request = call->base.request;
    od_reply_kind kind = call->kind;
    fini_submit(&call->base);
    free(call);
    od_reply(request, 201, kind, id);
}

// --- the end: submit --------------------------------------------------------------------------

// A job that the spec names was deleted after the examination.
static void refuse_late_faults(submit_call *call, const od_faults *faults, size_t at) {
    od_status status = OD_OK;
    for (size_t i = 0; i < faults->count && status == OD_OK; i++) {
        status = od_examine_add(&call->examination, at, &faults->items[i]);
    }
    if (status == OD_OK) {
        refuse_faults(call);
    } else {
        od_api_finish(&call->base, NULL);
    }
}

static void on_submitted(void *ctx, od_status status, const od_error *error,
                         const od_submit_result *result, const od_faults *faults) {
    submit_call *call = ctx;
    if (status == OD_E_INVALID && faults->count > 0) {
        refuse_late_faults(call, faults, result->at);
    } else if (status == OD_E_EXISTS) {
        refuse_key(call, error);
    } else if (status != OD_OK) {
        od_api_fail(&call->base, error);
    } else {
        answer_made(call, result->id, result->body);
    }
}

// Prints value into call->texts, which owns it. NULL: no memory.
static const char *keep_text(submit_call *call, const cJSON *value) {
    char *text = value != NULL ? od_json_print(value) : NULL;
    if (text != NULL) {
        call->texts[call->text_count++] = text;
    }
    return text;
}

static bool fill_submission(submit_call *call, const cJSON *answer, const cJSON *variant,
                            od_submission *out) {
    out->spec = keep_text(call, cJSON_GetObjectItemCaseSensitive(answer, "spec"));
    out->plan = keep_text(call, cJSON_GetObjectItemCaseSensitive(answer, "plan"));
    out->variant = variant != NULL ? keep_text(call, variant) : NULL;
    return out->spec != NULL && out->plan != NULL && (variant == NULL || out->variant != NULL);
}

static void send_to_queue(submit_call *call, od_submission *jobs, size_t count) {
    const cJSON *experiment = call->examination.experiment;
    const od_idempotency key = {.key = call->key.text, .digest = call->key.digest};
    od_submit_request request = {.jobs = jobs,
                                 .count = count,
                                 .request = call->key.text[0] != '\0' ? &key : NULL,
                                 .render = od_reply_render(call->kind)};
    if (experiment != NULL) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(experiment, "name");
        request.experiment_name = name != NULL ? name->valuestring : "";
        request.experiment_base =
            keep_text(call, cJSON_GetObjectItemCaseSensitive(experiment, "base"));
        request.experiment_vary =
            keep_text(call, cJSON_GetObjectItemCaseSensitive(experiment, "vary"));
        if (request.experiment_base == NULL || request.experiment_vary == NULL) {
            od_api_finish(&call->base, NULL);
            return;
        }
    }
    od_queue_submit(daemon_of(call)->queue, &request, on_submitted, call);
}

static void submit(submit_call *call, const cJSON *answers) {
    const cJSON *variants = call->examination.variants;
    size_t count = (size_t)cJSON_GetArraySize(answers);
    od_submission *jobs = calloc(count, sizeof *jobs);
    call->texts = calloc(3 * count + 2, sizeof *call->texts);
    bool whole = jobs != NULL && call->texts != NULL;
    const cJSON *answer = answers->child;
    const cJSON *variant = variants != NULL ? variants->child : NULL;
    for (size_t i = 0; i < count && whole; i++, answer = answer->next) {
        whole = fill_submission(call, answer, variant, &jobs[i]);
        variant = variant != NULL ? variant->next : NULL;
    }
    if (whole) {
        send_to_queue(call, jobs, count);
    } else {
        od_api_finish(&call->base, NULL);
    }
    free(jobs);
}

// --- the middle: examine ----------------------------------------------------------------------

static void answer_dry_run(submit_call *call, const cJSON *answer) {
    cJSON *body = cJSON_CreateObject();
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(answer, "spec");
    const cJSON *plan = cJSON_GetObjectItemCaseSensitive(answer, "plan");
    bool whole = od_api_add(body, "spec", cJSON_Duplicate(spec, 1)) &&
                 od_api_add(body, "plan", cJSON_Duplicate(plan, 1)) &&
                 (call->recipe == NULL || od_api_add(body, "warnings", warnings_of(call)));
    od_api_finish(&call->base, od_response_json(200, whole ? body : NULL));
    cJSON_Delete(body);
}

static void on_examined(void *ctx, od_status status, const od_error *error, const cJSON *answers) {
    submit_call *call = ctx;
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
    } else if (answers == NULL) {
        refuse_faults(call);
    } else if (call->dry_run) {
        answer_dry_run(call, answers->child);
    } else {
        submit(call, answers);
    }
}

// Goes on behind the schemas.
static void examine(submit_call *call, od_status status) {
    if (status != OD_OK) {
        od_api_finish(&call->base, NULL);
    } else {
        od_examine_run(&call->examination, on_examined, call);
    }
}

// --- the beginnings ---------------------------------------------------------------------------

static void begin_job(submit_call *call) {
    cJSON *spec = call->body;
    call->body = NULL;
    examine(call, od_examine_job(&call->examination, spec));
}

// A recipe that says what cannot be read is not looked at beyond the schema: its spec has defaults
// that nobody asked for.
static void begin_recipe(submit_call *call) {
    size_t own = call->examination.faults.count;
    if (own == 0) {
        begin_job(call);
        return;
    }
    cJSON *spec = call->body;
    call->body = NULL;
    od_status status = od_examine_job(&call->examination, spec);
    if (status == OD_OK) {
        status = od_recipe_locate(call->recipe, &call->examination.faults, own);
    }
    if (status == OD_OK) {
        refuse(call);
    } else {
        od_api_finish(&call->base, NULL);
    }
}

static void begin_experiment(submit_call *call) {
    cJSON *experiment = call->body;
    call->body = NULL;
    examine(call, od_examine_experiment(&call->examination, experiment));
}

static od_status read_source(sqlite3 *db, void *ctx, od_error *error) {
    submit_call *call = ctx;
    od_job job = {0};
    OD_TRY(od_jobs_get(db, call->source, &job, error));
    call->source_spec = strdup(job.spec);
    od_job_fini(&job);
    return call->source_spec != NULL ? OD_OK : od_error_set(error, OD_E_NO_MEMORY, "no memory");
}

static void on_source(void *ctx, od_status status, const od_error *error) {
    submit_call *call = ctx;
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
        return;
    }
    cJSON *spec = cJSON_Parse(call->source_spec);
    if (call->body != NULL) {
        spec = od_merge_patch(spec, call->body);
    }
    if (spec == NULL) {
        od_api_finish(&call->base, NULL);
        return;
    }
    examine(call, od_examine_job(&call->examination, spec));
}

static void begin_clone(submit_call *call) {
    od_store_read(daemon_of(call)->store, read_source, on_source, call);
}

// --- the key ----------------------------------------------------------------------------------

static od_status find_key(sqlite3 *db, void *ctx, od_error *error) {
    submit_call *call = ctx;
    const od_idempotency key = {.key = call->key.text, .digest = call->key.digest};
    return od_idempotency_find(db, &key, &call->made, &call->stored, error);
}

static void on_key(void *ctx, od_status status, const od_error *error) {
    submit_call *call = ctx;
    if (status == OD_OK) {
        answer_made(call, call->made, call->stored);
    } else if (status == OD_E_EXISTS) {
        refuse_key(call, error);
    } else if (status == OD_E_NOT_FOUND) {
        call->begin(call);
    } else {
        od_api_fail(&call->base, error);
    }
}

// Fills in what all requests share and starts. A dry run makes nothing that a key could be for.
static void start(submit_call *call, const char *route) {
    od_request *request = call->base.request;
    call->examination.daemon = daemon_of(call);
    if (!od_key_read(request, route, call->body, &call->key)) {
        od_api_finish(&call->base, NULL);
    } else if (call->key.text[0] == '\0' || call->dry_run) {
        call->begin(call);
    } else {
        od_store_read(daemon_of(call)->store, find_key, on_key, call);
    }
}

// NULL: it has answered. Takes body.
static submit_call *new_submit(od_request *request, cJSON *body) {
    submit_call *call = od_api_call_new(request, sizeof *call, fini_submit);
    if (call == NULL) {
        cJSON_Delete(body);
        return NULL;
    }
    call->body = body;
    return call;
}

static void submit_spec(od_request *request, bool dry_run) {
    cJSON *spec = NULL;
    if (!od_api_object(request, false, &spec)) {
        return;
    }
    submit_call *call = new_submit(request, spec);
    if (call != NULL) {
        call->begin = begin_job;
        call->dry_run = dry_run;
        start(call, "jobs");
    }
}

// Faults of the translation come first.
static void submit_recipe(od_request *request, bool dry_run) {
    od_recipe *recipe = NULL;
    if (!od_api_recipe(request, "dry_run", &recipe)) {
        return;
    }
    submit_call *call = new_submit(request, NULL);
    if (call == NULL) {
        od_recipe_free(recipe);
        return;
    }
    call->begin = begin_recipe;
    call->dry_run = dry_run;
    call->recipe = recipe;
    if (od_recipe_translate(recipe, &call->body, &call->examination.faults) == OD_OK) {
        start(call, "jobs");
    } else {
        od_api_finish(&call->base, NULL);
    }
}

void od_api_submit_job(od_request *request) {
    bool dry_run = od_api_boolean(request, "dry_run");
    od_key_check(request);
    if (od_request_is_sound(request)) {
        (od_request_is_yaml(request) ? submit_recipe : submit_spec)(request, dry_run);
    }
}

// A job with the spec of another one; the body, when there is one, is a merge patch of the spec.
void od_api_submit_clone(od_request *request) {
    int64_t id = 0;
    cJSON *patch = NULL;
    char route[32];
    od_key_check(request);
    if (!od_api_id(request, 3, &id) || !od_request_is_sound(request) ||
        !od_api_object(request, true, &patch)) {
        return;
    }
    submit_call *call = new_submit(request, patch);
    if (call != NULL) {
        snprintf(route, sizeof route, "clone-%" PRId64, id);
        call->begin = begin_clone;
        call->source = id;
        start(call, route);
    }
}

void od_api_submit_experiment(od_request *request) {
    cJSON *body = NULL;
    od_key_check(request);
    if (!od_request_is_sound(request) || !od_api_object(request, false, &body)) {
        return;
    }
    submit_call *call = new_submit(request, body);
    if (call != NULL) {
        call->begin = begin_experiment;
        call->kind = OD_REPLY_EXPERIMENT;
        start(call, "experiments");
    }
}
