// SPDX-License-Identifier: Apache-2.0
// Making jobs: one (from a spec or a recipe), a copy of one, or all of an experiment. Each way ends in the same steps:
//
//   checked specs → plan [the planner: what the schema cannot know] → submit [one transaction]
//   → the new job or experiment as the answer
//
// Nothing is stored before the last step but one, so whatever fails leaves nothing behind.
#include "daemon/api/api.h"
#include "daemon/api/handlers.h"
#include "daemon/api/merge.h"
#include "daemon/api/recipe_body.h"
#include "daemon/api/reply.h"

#include "base/json.h"
#include "base/vary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 256, DIGEST_BYTES = 64 };

typedef struct submit_call {
    od_api_call base;
    bool dry_run;
    char key[KEY_BYTES + 16]; // "jobs:KEY"; "" without Idempotency-Key
    char digest[DIGEST_BYTES];
    cJSON *specs;      // array, valid, with defaults
    cJSON *variants;   // array of the same length, or NULL for a job of its own
    cJSON *experiment; // the body, or NULL
    char **texts;      // printed for od_submission, text_count of them
    size_t text_count;
    int64_t source; // of a clone: the job that is copied
    cJSON *patch;   // of a clone, or NULL
    char *source_spec;
    od_recipe *recipe; // that the only spec was made from, or NULL
} submit_call;

static void fini_submit(od_api_call *base) {
    submit_call *call = (submit_call *)base;
    cJSON_Delete(call->specs);
    cJSON_Delete(call->variants);
    cJSON_Delete(call->experiment);
    cJSON_Delete(call->patch);
    for (size_t i = 0; i < call->text_count; i++) {
        free(call->texts[i]);
    }
    free(call->texts);
    free(call->source_spec);
    od_recipe_free(call->recipe);
}

static od_daemon *daemon_of(const submit_call *call) {
    return od_api_daemon(call->base.request);
}

// --- the request ------------------------------------------------------------------------------

// Two FNV-1a sums of the canonical text and its length: enough to tell an honest client that it
// uses a key twice.
static bool make_digest(const cJSON *body, char out[DIGEST_BYTES]) {
    char *text = od_json_canonical(body);
    if (text == NULL) {
        return false;
    }
    uint64_t a = UINT64_C(14695981039346656037);
    uint64_t b = ~a;
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        a = (a ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
        b = (b ^ (unsigned char)text[size - 1 - i]) * UINT64_C(1099511628211);
    }
    free(text);
    snprintf(out, DIGEST_BYTES, "%zx-%016" PRIx64 "%016" PRIx64, size, a, b);
    return true;
}

static bool is_key(const char *text) {
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return size > 0 && size < KEY_BYTES;
}

// Reads the Idempotency-Key of a request whose body is body. false: the call is finished.
static bool read_key(submit_call *call, const char *route, const cJSON *body) {
    od_request *request = call->base.request;
    const char *key = od_request_header(request, "Idempotency-Key");
    if (key == NULL) {
        return true;
    }
    if (!is_key(key)) {
        od_api_finish(&call->base,
                      od_problem_parameter(request, "Idempotency-Key",
                                           "is no key: 1 to %d printable ASCII characters",
                                           KEY_BYTES - 1));
        return false;
    }
    snprintf(call->key, sizeof call->key, "%s:%s", route, key);
    if (body != NULL && !make_digest(body, call->digest)) {
        od_api_finish(&call->base, NULL);
        return false;
    }
    return true;
}

static void refuse_faults(submit_call *call, const od_faults *faults) {
    od_api_finish(&call->base, od_problem_new(call->base.request, OD_PROBLEM_INVALID_SPEC, faults,
                                              "%zu fault%s; the first: %s %s", faults->count,
                                              faults->count == 1 ? "" : "s",
                                              faults->items[0].pointer, faults->items[0].detail));
}

// What the recipe has that has no effect; NULL when the spec was JSON, or there is no memory.
static cJSON *warnings_of(const submit_call *call) {
    return call->recipe != NULL ? od_faults_json(od_recipe_warnings(call->recipe)) : NULL;
}

// --- the end: submit --------------------------------------------------------------------------

// Takes call.
static void answer_submitted(submit_call *call, int64_t id) {
    od_request *request = call->base.request;
    bool experiment = call->experiment != NULL;
    cJSON *warnings = warnings_of(call);
    fini_submit(&call->base);
    free(call);
    if (experiment) {
        od_reply_experiment(request, 201, id);
    } else {
        od_reply_new_job(request, id, warnings);
    }
}

static void on_submitted(void *ctx, od_status status, const od_error *error,
                         const od_submit_result *result, const od_faults *faults) {
    submit_call *call = ctx;
    od_request *request = call->base.request;
    if (status == OD_E_INVALID && faults->count > 0) {
        refuse_faults(call, faults);
    } else if (status == OD_E_EXISTS) {
        od_api_finish(&call->base, od_problem_new(request, OD_PROBLEM_IDEMPOTENCY_MISMATCH, NULL,
                                                  "%s", error->text));
    } else if (status != OD_OK) {
        od_api_fail(&call->base, error);
    } else {
        answer_submitted(call, result->id);
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
    const od_idempotency key = {.key = call->key, .digest = call->digest};
    od_submit_request request = {
        .jobs = jobs, .count = count, .request = call->key[0] != '\0' ? &key : NULL};
    if (call->experiment != NULL) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(call->experiment, "name");
        request.experiment_name = name != NULL ? name->valuestring : "";
        request.experiment_base =
            keep_text(call, cJSON_GetObjectItemCaseSensitive(call->experiment, "base"));
        request.experiment_vary =
            keep_text(call, cJSON_GetObjectItemCaseSensitive(call->experiment, "vary"));
        if (request.experiment_base == NULL || request.experiment_vary == NULL) {
            od_api_finish(&call->base, NULL);
            return;
        }
    }
    od_queue_submit(daemon_of(call)->queue, &request, on_submitted, call);
}

static void submit(submit_call *call, const cJSON *answers) {
    size_t count = (size_t)cJSON_GetArraySize(answers);
    od_submission *jobs = calloc(count, sizeof *jobs);
    call->texts = calloc(3 * count + 2, sizeof *call->texts);
    bool whole = jobs != NULL && call->texts != NULL;
    const cJSON *answer = answers->child;
    const cJSON *variant = call->variants != NULL ? call->variants->child : NULL;
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

// --- the middle: plan -------------------------------------------------------------------------

static bool has_fault(const od_faults *faults, const char *pointer, const char *detail) {
    for (size_t i = 0; i < faults->count; i++) {
        if (strcmp(faults->items[i].pointer, pointer) == 0 &&
            strcmp(faults->items[i].detail, detail) == 0) {
            return true;
        }
    }
    return false;
}

// Adds one answer's faults, those of an experiment's jobs as faults of its base; what is wrong in
// several jobs is said once.
static od_status add_faults(const submit_call *call, const cJSON *answer, od_faults *faults) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "errors")) {
        char pointer[256];
        const char *detail = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "detail"));
        snprintf(pointer, sizeof pointer, "%s%s", call->experiment != NULL ? "/base" : "",
                 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "pointer")));
        if (!has_fault(faults, pointer, detail)) {
            OD_TRY(od_faults_add(faults, pointer, "%s", detail));
        }
    }
    return OD_OK;
}

static od_status check_answers(const submit_call *call, const cJSON *answers, od_faults *faults) {
    const cJSON *answer;
    cJSON_ArrayForEach(answer, answers) {
        OD_TRY(add_faults(call, answer, faults));
        if (call->dry_run && faults->count == 0) {
            OD_TRY(od_queue_check(daemon_of(call)->queue,
                                  cJSON_GetObjectItemCaseSensitive(answer, "spec"), faults));
        }
    }
    return call->recipe != NULL ? od_recipe_locate(call->recipe, faults, 0) : OD_OK;
}

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

static void on_planned(void *ctx, od_status status, const od_error *error, const cJSON *answers) {
    submit_call *call = ctx;
    od_faults faults = {0};
    if (status != OD_OK) {
        od_api_fail(&call->base, error);
        return;
    }
    if (check_answers(call, answers, &faults) != OD_OK) {
        od_api_finish(&call->base, NULL);
    } else if (faults.count > 0) {
        refuse_faults(call, &faults);
    } else if (call->dry_run) {
        answer_dry_run(call, answers->child);
    } else {
        submit(call, answers);
    }
    od_faults_fini(&faults);
}

static void plan(submit_call *call) {
    od_planner_plan(daemon_of(call)->planner, call->specs, on_planned, call);
}

// --- the beginnings ---------------------------------------------------------------------------

// Adds the schema's faults to those of a recipe that are there already.
static od_status check_by_schema(const submit_call *call, const cJSON *spec, od_faults *faults) {
    size_t own = faults->count;
    OD_TRY(od_schema_validate(daemon_of(call)->job_schema, spec, faults));
    return call->recipe != NULL ? od_recipe_locate(call->recipe, faults, own) : OD_OK;
}

// Checks spec by the schema, fills its defaults and goes on to the plan, unless there are faults
// already. Takes spec and what is in faults.
static void plan_one(submit_call *call, cJSON *spec, od_faults *faults) {
    od_status status = check_by_schema(call, spec, faults);
    bool valid = status == OD_OK && faults->count == 0;
    call->specs = cJSON_CreateArray();
    if (valid) {
        status = od_schema_fill_defaults(daemon_of(call)->job_schema, spec);
    }
    if (!od_api_append(call->specs, spec)) {
        status = OD_E_NO_MEMORY;
    }
    if (status != OD_OK) {
        od_api_finish(&call->base, NULL);
    } else if (!valid) {
        refuse_faults(call, faults);
    } else {
        plan(call);
    }
    od_faults_fini(faults);
}

static void submit_recipe(od_request *request, bool dry_run) {
    od_recipe *recipe = NULL;
    if (!od_api_recipe(request, "dry_run", &recipe)) {
        return;
    }
    submit_call *call = od_api_call_new(request, sizeof *call, fini_submit);
    if (call == NULL) {
        od_recipe_free(recipe);
        return;
    }
    call->recipe = recipe;
    call->dry_run = dry_run;
    cJSON *spec = NULL;
    od_faults faults = {0};
    if (od_recipe_translate(recipe, &spec, &faults) != OD_OK) {
        od_faults_fini(&faults);
        od_api_finish(&call->base, NULL);
    } else if (read_key(call, "jobs", spec)) {
        plan_one(call, spec, &faults);
    } else {
        od_faults_fini(&faults);
        cJSON_Delete(spec);
    }
}

static void submit_spec(od_request *request, bool dry_run) {
    cJSON *spec = NULL;
    if (!od_api_object(request, false, &spec)) {
        return;
    }
    submit_call *call = od_api_call_new(request, sizeof *call, fini_submit);
    if (call == NULL || !read_key(call, "jobs", spec)) {
        cJSON_Delete(spec);
        return;
    }
    call->dry_run = dry_run;
    plan_one(call, spec, &(od_faults){0});
}

void od_api_submit_job(od_request *request) {
    bool dry_run = false;
    if (od_api_boolean(request, "dry_run", &dry_run)) {
        (od_request_is_yaml(request) ? submit_recipe : submit_spec)(request, dry_run);
    }
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
    if (call->patch != NULL) {
        spec = od_merge_patch(spec, call->patch);
    }
    if (spec == NULL) {
        od_api_finish(&call->base, NULL);
        return;
    }
    plan_one(call, spec, &(od_faults){0});
}

// A job with the spec of another one; the body, when there is one, is a merge patch of the spec.
void od_api_submit_clone(od_request *request) {
    int64_t id = 0;
    cJSON *patch = NULL;
    if (!od_api_id(request, 3, &id) || !od_api_object(request, true, &patch)) {
        return;
    }
    submit_call *call = od_api_call_new(request, sizeof *call, fini_submit);
    if (call == NULL) {
        cJSON_Delete(patch);
        return;
    }
    char route[32];
    snprintf(route, sizeof route, "clone-%" PRId64, id);
    call->source = id;
    call->patch = patch;
    if (read_key(call, route, patch)) {
        od_store_read(od_api_daemon(request)->store, read_source, on_source, call);
    }
}

// Moves what the expansion made into the call.
static bool take_vary(submit_call *call, od_vary *vary) {
    call->specs = cJSON_CreateArray();
    call->variants = cJSON_CreateArray();
    bool whole = true;
    for (size_t i = 0; i < vary->count && whole; i++) {
        whole = od_api_append(call->specs, vary->items[i].spec);
        vary->items[i].spec = NULL;
        whole = od_api_append(call->variants, vary->items[i].variant) && whole;
        vary->items[i].variant = NULL;
    }
    return whole;
}

static od_status expand(submit_call *call, od_vary *vary, od_faults *faults) {
    od_daemon *daemon = daemon_of(call);
    OD_TRY(od_schema_validate(daemon->experiment_schema, call->experiment, faults));
    if (faults->count > 0) {
        return OD_OK;
    }
    OD_TRY(od_schema_fill_defaults(daemon->experiment_schema, call->experiment));
    OD_TRY(od_vary_expand(call->experiment, daemon->job_schema, vary, faults));
    return take_vary(call, vary) ? OD_OK : OD_E_NO_MEMORY;
}

void od_api_submit_experiment(od_request *request) {
    cJSON *body = NULL;
    if (!od_api_object(request, false, &body)) {
        return;
    }
    submit_call *call = od_api_call_new(request, sizeof *call, fini_submit);
    if (call == NULL) {
        cJSON_Delete(body);
        return;
    }
    call->experiment = body;
    if (!read_key(call, "experiments", body)) {
        return;
    }
    od_vary vary = {0};
    od_faults faults = {0};
    od_status status = expand(call, &vary, &faults);
    od_vary_fini(&vary);
    if (status != OD_OK) {
        od_api_finish(&call->base, NULL);
    } else if (faults.count > 0) {
        refuse_faults(call, &faults);
    } else {
        plan(call);
    }
    od_faults_fini(&faults);
}
